"""`aicoder serve` as a child process, for the checks beside this file.

with Served(PROGRAM, ["--alias", "gpt-5.5"]) as server: server.url, server.token, server.log(); server.stop() gives the exit code.
"""

import json
import os
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request


class Served:
    def __init__(self, program, arguments=(), model="smollm2-135m"):
        self.log_file = tempfile.NamedTemporaryFile(suffix=".jsonl")  # noqa: SIM115 (closed with the server)
        command = [program, "serve", "-m", model, "--port", "0", "--json", "--access-log", self.log_file.name, *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"})
        line = self.process.stdout.readline()
        assert line, f"the server did not start: exit code {self.process.wait()}"
        ready = json.loads(line)
        self.url, self.token, self.model = ready["url"], ready.get("token"), ready["model"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log_file.close()

    def stop(self, number=signal.SIGTERM, timeout=60):
        self.process.send_signal(number)
        return self.process.wait(timeout)

    def log(self):
        with open(self.log_file.name, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def request(self, method, path, body=None, headers=None):
        """Status, text and headers, whatever the status."""
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", "Bearer " + self.token)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers
