"""A real Chromium over its DevTools protocol: as much of a driver as the tests of the web page need."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import websocket

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


class Browser:
    def __init__(self, width=1200, height=900):
        program = next((path for path in map(shutil.which, NAMES) if path), None)
        if program is None:
            raise SystemExit("no Chromium: apt-get install chromium-headless-shell")
        self.profile = tempfile.mkdtemp(prefix="aicoder-browser-")
        flags = [
            "--headless",
            "--remote-debugging-port=0",
            f"--user-data-dir={self.profile}",
            "--no-first-run",
            "--disable-gpu",
            f"--window-size={width},{height}",
        ]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")  # Chromium's own refuses root
        # A group of its own: the program is a script around the browser, and both must go in the end. What it says goes into a file, because
        # a pipe that nobody reads fills up.
        self.said = tempfile.NamedTemporaryFile("w+", suffix=".log")  # noqa: SIM115 (closed with the browser)
        self.process = subprocess.Popen(
            [program, *flags, "about:blank"], stderr=self.said, stdout=subprocess.DEVNULL, start_new_session=True
        )
        end, found = time.monotonic() + 60, None
        while found is None and time.monotonic() < end and self.process.poll() is None:
            time.sleep(0.05)
            found = re.search(r"ws://\S+", Path(self.said.name).read_text(encoding="utf-8"))
        if found is None:
            raise SystemExit("Chromium did not start: " + Path(self.said.name).read_text(encoding="utf-8"))
        address = found.group(0)
        self.socket = websocket.create_connection(address, timeout=30, suppress_origin=True)
        self.ids = itertools.count(1)
        self.session = None
        self.problems, self.requests = [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.said.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def _receive(self):
        message = json.loads(self.socket.recv())
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"])[:500])
        if method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        if method == "Page.javascriptDialogOpening":
            self._send("Page.handleJavaScriptDialog", {"accept": True})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        return message

    def _send(self, method, params):
        number = next(self.ids)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        return number

    def call(self, method, **params):
        number = self._send(method, params)
        while True:
            message = self._receive()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]

    def run(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait(self, script, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.run(script)
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"did not come true in {seconds} s: {script}\nthe page says: {self.run('document.body.innerText')[:2000]}")

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def type(self, text):
        self.call("Input.insertText", text=text)

    def press(self, key, code=None, modifiers=0):
        codes = {"Enter": 13, "Tab": 9, "Escape": 27, " ": 32}
        text = {"Enter": "\r", " ": " "}.get(key)
        common = {"key": key, "code": code or key, "windowsVirtualKeyCode": codes[key], "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def controls_without_name(self):
        """What a screen reader could not say."""
        nameless = []
        for node in self.call("Accessibility.getFullAXTree")["nodes"]:
            role = node.get("role", {}).get("value", "")
            if (
                role in ("button", "textbox", "checkbox", "slider", "combobox", "spinbutton", "link")
                and not node.get("name", {}).get("value", "").strip()
            ):
                nameless.append(role)
        return nameless
