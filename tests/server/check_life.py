"""`aicoder serve` from start to end: refusals at the start, clients that leave, SIGTERM while it answers. Usage: check_life.py PROGRAM."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time

from serve_program import Served

LONG = {
    "messages": [{"role": "user", "content": "Write a very long story."}],
    "max_tokens": 200,
    "stream": True,
    "temperature": 0,
    "stop": None,
}


def refuses_to_start(program, arguments, text, model="smollm2-135m"):
    done = subprocess.run([program, "serve", "-m", model, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode != 0, arguments
    assert text in done.stderr, done.stderr


def open_stream(server, body):
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=120)
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200
    assert b"data: " in answer.read1(100)
    return connection, answer


def metric(server, name):
    for line in server.request("GET", "/metrics")[1].splitlines():
        if line.startswith(f"aicoder_{name} "):
            return float(line.split()[1])
    raise AssertionError(name)


def soon(condition):
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.05)
    return False


def main():
    program = sys.argv[1]
    refuses_to_start(program, ["--host", "0.0.0.0"], "no token is asked")
    # Before the model is loaded: it is not even there.
    missing = "/no/such/model.gguf"
    refuses_to_start(program, ["--host", "0.0.0.0"], "no token is asked", missing)
    refuses_to_start(program, ["--host", "300.1.1.1", "--token"], "cannot listen on 300.1.1.1", missing)
    refuses_to_start(program, [], missing, missing)
    refuses_to_start(program, ["--dir", "/no/such/folder"], "is no folder")

    # A client that leaves frees its sequence: with one sequence the next would otherwise wait for 200 tokens.
    with Served(program, ["--context", "512", "--sequences", "1"]) as server:
        connection, _ = open_stream(server, LONG)
        connection.close()
        assert soon(lambda: metric(server, "engine_running") == 0 and metric(server, "engine_cancelled_total") == 1)
        assert soon(lambda: server.log() and any(line.get("cancelled") for line in server.log()))

        # SIGTERM while one answer is being made: it is finished, the door is closed.
        connection, answer = open_stream(server, {**LONG, "max_tokens": 60})
        text = []
        reader = threading.Thread(target=lambda: text.append(answer.read()))
        reader.start()
        server.process.send_signal(signal.SIGTERM)
        reader.join(120)
        assert text[0].endswith(b"data: [DONE]\n\n"), text[0][-300:]
        assert server.process.wait(60) == 0
        assert server.log()[-1]["status"] == 200
        connection.close()

    # Ctrl-C with a limit: what runs is cancelled, the exit code is 0.
    with Served(program, ["--context", "4096", "--drain", "0"]) as server:
        connection, answer = open_stream(server, {**LONG, "max_tokens": 4000, "stop": ["never said"]})
        start = time.monotonic()
        assert server.stop(signal.SIGINT) == 0
        assert time.monotonic() - start < 30
        assert b"The server is ending." in answer.read()
        connection.close()

    # A token of the environment.
    os.environ["AICODER_TOKEN"] = "0123456789abcdef"
    with Served(program, ["--context", "512"]) as server:
        assert server.request("GET", "/v1/models")[0] == 401
        assert server.request("GET", "/v1/models", headers={"Authorization": "Bearer 0123456789abcdef"})[0] == 200
        assert server.stop() == 0
    print("it lives and ends as it should")


if __name__ == "__main__":
    main()
