"""Password hashing: salted, slow, and checked in constant time.

A stored hash is text: the salt in hex, a "$", the key in hex. So the salt can be read back from it.
"""
import hashlib
import hmac
import os

ITERATIONS = 100_000


def hash_password(password):
    """A salted hash of the password as text. Two calls give two different texts."""
    salt = os.urandom(16)
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    return salt.hex() + "$" + key.hex()


def verify_password(password, stored):
    """True when the password is the one that `stored` was made from. False for any text that is no such hash."""
    try:
        salt, key = (bytes.fromhex(part) for part in stored.split("$"))
    except ValueError:
        return False
    return hmac.compare_digest(key, hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS))
