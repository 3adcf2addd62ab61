"""Tokens of logged-in users, in memory."""
import secrets


class SessionStore:
    def __init__(self):
        self.names = {}

    def create(self, name):
        """A new token for this user."""
        token = secrets.token_hex(16)
        self.names[token] = name
        return token

    def name_of(self, token):
        """The user of a token, or None."""
        return self.names.get(token)
