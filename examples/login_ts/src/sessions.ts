// Tokens of logged-in users.
import { randomBytes } from "node:crypto";

export class SessionStore {
  private names = new Map<string, string>();

  /** A new token for the user. */
  create(name: string): string {
    const token = randomBytes(16).toString("hex");
    this.names.set(token, name);
    return token;
  }

  nameOf(token: string | undefined): string | undefined {
    return token === undefined ? undefined : this.names.get(token);
  }
}
