"""Real answers of `aicoder serve` against the document it serves: every route, good answers and refusals. Usage: check_openapi.py PROGRAM [FRAGMENT]."""

import json
import sys
import threading
import time

import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from serve_program import Served

CHAT = {"messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 8}
TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"x": {"enum": [1, 2]}}, "required": ["x"]}},
}


def main():
    fragment = sys.argv[2] if len(sys.argv) > 2 else None
    with Served(sys.argv[1], ["--context", "1024"]) as server:
        document = json.loads(server.request("GET", "/openapi.json")[1])
        registry = Registry().with_resource("urn:doc", Resource.from_contents(document, default_specification=DRAFT202012))
        seen = set()

        def validator(pointer):
            return jsonschema.Draft202012Validator({"$ref": "urn:doc#" + pointer}, registry=registry)

        def component(name):
            return validator("/components/schemas/" + name)

        def check(method, path, body=None, template=None, expect=200, headers=None):
            template = template or path
            seen.add((method.lower(), template))
            operation = document["paths"][template][method.lower()]
            status, text, got = server.request(method, path, body, headers)
            assert status == expect, (method, path, status, text)
            assert got["X-Request-Id"]
            responses = operation["responses"]
            assert str(status) in responses, f"{method} {path}: {status} is not described"
            escaped = template.replace("~", "~0").replace("/", "~1")
            pointer = f"/paths/{escaped}/{method.lower()}/responses/{status}"
            described = responses[str(status)]
            if "$ref" in described:
                pointer = described["$ref"][1:]
                described = document["components"]["responses"][pointer.rsplit("/", 1)[1]]
            kind = got["Content-Type"].split(";")[0]
            assert kind in described["content"], f"{method} {path}: {kind} is not described"
            if isinstance(body, dict) and expect == 200 and "requestBody" in operation:
                validator(f"/paths/{escaped}/{method.lower()}/requestBody/content/application~1json/schema").validate(body)
            if kind == "application/json":
                value = json.loads(text)
                validator(f"{pointer}/content/application~1json/schema").validate(value)
                return value
            return text

        def events(text):
            return [line[6:] for line in text.split("\n") if line.startswith("data: ")]

        check("GET", "/health")
        check("GET", "/metrics")
        check("GET", "/openapi.json")
        models = check("GET", "/v1/models")
        check("GET", "/v1/models/" + server.model, template="/v1/models/{model}")
        check("GET", "/v1/models/none", template="/v1/models/{model}", expect=404)
        check("POST", "/v1/chat/completions", CHAT)
        check("POST", "/v1/chat/completions", {**CHAT, "logprobs": True, "top_logprobs": 2, "n": 2, "seed": 1})
        check("POST", "/v1/chat/completions", {**CHAT, "tools": [TOOL], "tool_choice": "required", "max_tokens": 60})
        check("POST", "/v1/chat/completions", {**CHAT, "messages": []}, expect=400)
        check("POST", "/v1/chat/completions", {**CHAT, "model": "none"}, expect=404)
        check("POST", "/v1/chat/completions", b"{", expect=400)
        check("POST", "/v1/chat/completions", CHAT, expect=403, headers={"Origin": "https://evil.example"})
        check("POST", "/v1/chat/completions", CHAT, expect=415, headers={"Content-Type": "text/plain"})
        check("POST", "/v1/chat/completions", b"x" * (9 << 20), expect=413)
        long = {**CHAT, "messages": [{"role": "user", "content": "word " * 3000}]}
        assert check("POST", "/v1/chat/completions", long, expect=400)["error"]["code"] == "context_length_exceeded"
        chunks = events(
            check("POST", "/v1/chat/completions", {**CHAT, "stream": True, "logprobs": True, "stream_options": {"include_usage": True}})
        )
        assert chunks[-1] == "[DONE]"
        for chunk in chunks[:-1]:
            component("ChatChunk").validate(json.loads(chunk))
        check("POST", "/v1/completions", {"prompt": "a", "max_tokens": 4, "logprobs": 1})
        for chunk in events(check("POST", "/v1/completions", {"prompt": "a", "max_tokens": 4, "stream": True}))[:-1]:
            component("Completion").validate(json.loads(chunk))
        check("POST", "/v1/completions", {"prompt": []}, expect=400)
        check("POST", "/v1/embeddings", {"input": ["a", "b"]})
        check("POST", "/v1/embeddings", {"input": "a", "encoding_format": "base64"})
        check("POST", "/v1/embeddings", {"input": ""}, expect=400)
        check("GET", "/v1/fragments")
        check("POST", "/v1/fragments", {"name": "none"}, expect=404)
        check("DELETE", "/v1/fragments/none", template="/v1/fragments/{name}", expect=404)
        if fragment:
            name = f"{server.model}+{fragment}"
            assert name in [model["id"] for model in models["data"]]
            loaded = check("POST", "/v1/fragments", {"name": fragment})
            assert loaded["loaded"]
            answer = check("POST", "/v1/chat/completions", {**CHAT, "model": name + ":0.5"})
            assert answer["model"] == name + ":0.5"
            again = check("POST", "/v1/chat/completions", {**CHAT, "fragments": [{"name": fragment, "strength": 0.5}]})
            assert again["model"] == name + ":0.5"
            assert check("GET", "/v1/fragments")["data"][0]["lanes"] >= 1
            # Unloaded while in use: what runs with it goes on to its end.
            story = {"model": name, "messages": CHAT["messages"], "max_tokens": 80, "stream": True, "temperature": 0, "repeat_penalty": 1.2}
            running = []
            reader = threading.Thread(target=lambda: running.append(server.request("POST", "/v1/chat/completions", story)[1]))
            reader.start()
            while not check("GET", "/v1/fragments")["data"][0]["requests"] and reader.is_alive():
                time.sleep(0.005)
            assert check("DELETE", "/v1/fragments/" + fragment, template="/v1/fragments/{name}")["unloaded"]
            reader.join()
            assert events(running[0])[-1] == "[DONE]", running[0][-300:]
            assert '"error"' not in running[0]
            assert not check("GET", "/v1/fragments")["data"][0]["loaded"]
        run = check("POST", "/v1/agent/runs", {"task": "What is the capital of France?", "mode": "direct"})
        named = [part.split("\n", 1) for part in run.split("\n\n") if part.startswith("event: ")]
        kinds = [name[7:] for name, _ in named]
        assert kinds[0] == "run", kinds
        assert kinds[-1] == "result", run[-2000:]
        for kind, (_, data) in zip(kinds, named, strict=True):
            if kind in ("plan", "step", "result"):
                component("AgentResult" if kind == "result" else "AgentStep").validate(json.loads(data[6:]))
        check("POST", "/v1/agent/runs", {"task": "x", "dir": "/"}, expect=403)
        check("POST", "/v1/agent/runs/none/apply", {}, template="/v1/agent/runs/{id}/apply", expect=404)

        described = {(method, path) for path, methods in document["paths"].items() for method in methods}
        assert seen == described, described - seen
        assert server.stop() == 0
    print(f"{len(seen)} routes answer as described")


if __name__ == "__main__":
    main()
