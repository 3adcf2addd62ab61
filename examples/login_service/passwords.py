"""Password hashing: salted, slow, and checked in constant time.

A stored hash is text: the salt in hex, a "$", the key in hex. So the salt can be read back from it.
"""


def hash_password(password):
    """A salted hash of the password as text. Two calls give two different texts."""
    raise NotImplementedError("hash_password is not written yet")


def verify_password(password, stored):
    """True when the password is the one that `stored` was made from. False for any text that is no such hash."""
    raise NotImplementedError("verify_password is not written yet")
