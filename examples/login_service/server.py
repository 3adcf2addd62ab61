"""Serves App over HTTP on 127.0.0.1:8080, JSON in and out. The token goes into the header Authorization: Bearer ..."""
import json
from http.server import BaseHTTPRequestHandler, HTTPServer

from app import App

MAX_BODY_BYTES = 64 * 1024
APP = App()


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_BYTES:
            self.send_error(413)
            return
        try:
            body = json.loads(self.rfile.read(length) or b"{}")
        except ValueError:
            self.send_error(400)
            return
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        result = APP.handle({"method": self.command, "path": self.path, "body": body, "token": token})
        data = json.dumps(result["body"]).encode()
        self.send_response(result["status"])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
