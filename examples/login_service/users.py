"""Users in SQLite. Knows nothing about passwords but the text it is given to keep."""
import sqlite3


class UserStore:
    def __init__(self, path=":memory:"):
        self.db = sqlite3.connect(path)
        self.db.execute("CREATE TABLE IF NOT EXISTS users (name TEXT PRIMARY KEY, password_hash TEXT NOT NULL)")

    def add(self, name, password_hash):
        """Stores a new user. Raises ValueError when the name is taken."""
        try:
            with self.db:
                self.db.execute("INSERT INTO users VALUES (?, ?)", (name, password_hash))
        except sqlite3.IntegrityError:
            raise ValueError("name is taken") from None

    def password_hash(self, name):
        """The stored hash, or None for an unknown user."""
        row = self.db.execute("SELECT password_hash FROM users WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def count(self):
        return self.db.execute("SELECT COUNT(*) FROM users").fetchone()[0]
