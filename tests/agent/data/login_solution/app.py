"""The service as one function: handle(request) -> response, without a web server.

A request is a dict with method, path, body (a dict) and token; a response is a dict with status and body.
"""
from passwords import hash_password, verify_password
from sessions import SessionStore
from users import UserStore


def response(status, **body):
    return {"status": status, "body": body}


class App:
    def __init__(self, users=None, sessions=None):
        self.users = users or UserStore()
        self.sessions = sessions or SessionStore()

    def handle(self, request):
        routes = {
            ("GET", "/health"): self.health,
            ("POST", "/register"): self.register,
            ("POST", "/login"): self.login,
            ("GET", "/me"): self.me,
        }
        handler = routes.get((request.get("method"), request.get("path")))
        if handler is None:
            return response(404, error="not found")
        return handler(request)

    def health(self, request):
        return response(200, users=self.users.count())

    def register(self, request):
        body = request.get("body") or {}
        name, password = body.get("name"), body.get("password")
        if not name or not password:
            return response(400, error="name and password are needed")
        if len(password) < 8:
            return response(400, error="the password is too short")
        try:
            self.users.add(name, hash_password(password))
        except ValueError:
            return response(409, error="name is taken")
        return response(201, name=name)

    def login(self, request):
        body = request.get("body") or {}
        name, password = body.get("name"), body.get("password")
        stored = self.users.password_hash(name) if name else None
        if not password or stored is None or not verify_password(password, stored):
            return response(401, error="wrong name or password")
        return response(200, token=self.sessions.create(name))

    def me(self, request):
        name = self.sessions.name_of(request.get("token"))
        if name is None:
            return response(401, error="log in first")
        return response(200, name=name)
