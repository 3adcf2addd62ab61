// The service as one function: handle(request) -> response, without a web server.
import { hashPassword, verifyPassword } from "./passwords.js";
import { SessionStore } from "./sessions.js";
import { UserStore } from "./users.js";

export interface Request {
  method: string;
  path: string;
  body?: Record<string, string>;
  token?: string;
}

export interface Response {
  status: number;
  body: Record<string, string | number>;
}

export class App {
  private users = new UserStore();
  private sessions = new SessionStore();

  handle(request: Request): Response {
    switch (`${request.method} ${request.path}`) {
      case "GET /health":
        return this.health();
      case "POST /register":
        return this.register(request);
      case "POST /login":
        return this.login(request);
      case "GET /me":
        return this.me(request);
      default:
        return { status: 404, body: { error: "not found" } };
    }
  }

  private health(): Response {
    return { status: 200, body: { users: this.users.count } };
  }

  private register(request: Request): Response {
    const { name, password } = request.body ?? {};
    if (!name || !password) return { status: 400, body: { error: "name and password are needed" } };
    if (password.length < 8) return { status: 400, body: { error: "the password is too short" } };
    if (!this.users.add(name, hashPassword(password))) return { status: 409, body: { error: "name is taken" } };
    return { status: 201, body: { name } };
  }

  private login(request: Request): Response {
    const { name, password } = request.body ?? {};
    const stored = this.users.passwordHash(name ?? "");
    if (stored === undefined || !verifyPassword(password ?? "", stored)) return { status: 401, body: { error: "wrong name or password" } };
    return { status: 200, body: { token: this.sessions.create(name) } };
  }

  private me(request: Request): Response {
    const name = this.sessions.nameOf(request.token);
    if (name === undefined) return { status: 401, body: { error: "log in first" } };
    return { status: 200, body: { name } };
  }
}
