// Password hashing: salted, slow, and checked in constant time.
// A stored hash is text: the salt in hex, a "$", the key in hex. So the salt can be read back from it.

/** A salted hash of the password as text. Two calls give two different texts. */
export function hashPassword(password: string): string {
  throw new Error("hashPassword is not written yet");
}

/** True when the password is the one that `stored` was made from. False for any text that is no such hash. */
export function verifyPassword(password: string, stored: string): boolean {
  throw new Error("verifyPassword is not written yet");
}
