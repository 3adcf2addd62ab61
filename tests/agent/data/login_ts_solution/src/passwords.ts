import { randomBytes, scryptSync, timingSafeEqual } from "node:crypto";

/** A salted hash of the password as text. Two calls give two different texts. */
export function hashPassword(password: string): string {
  const salt = randomBytes(16);
  return `${salt.toString("hex")}$${scryptSync(password, salt, 32).toString("hex")}`;
}

/** True when the password is the one that `stored` was made from. False for any text that is no such hash. */
export function verifyPassword(password: string, stored: string): boolean {
  const match = /^([0-9a-f]{32})\$([0-9a-f]{64})$/.exec(stored);
  if (match === null) return false;
  return timingSafeEqual(scryptSync(password, Buffer.from(match[1], "hex"), 32), Buffer.from(match[2], "hex"));
}
