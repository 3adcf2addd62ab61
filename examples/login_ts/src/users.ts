// Users by name, with the hash of their password.

export class UserStore {
  private users = new Map<string, string>();

  /** False when the name is taken. */
  add(name: string, passwordHash: string): boolean {
    if (this.users.has(name)) return false;
    this.users.set(name, passwordHash);
    return true;
  }

  passwordHash(name: string): string | undefined {
    return this.users.get(name);
  }

  get count(): number {
    return this.users.size;
  }
}
