import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { App, type Request } from "../src/app.js";

function post(path: string, name: string, password: string): Request {
  return { method: "POST", path, body: { name, password } };
}

function withAda(): App {
  const app = new App();
  app.handle(post("/register", "ada", "correct horse"));
  return app;
}

describe("register", () => {
  test("counts users", () => {
    assert.deepEqual(new App().handle({ method: "GET", path: "/health" }), { status: 200, body: { users: 0 } });
  });
  test("an unknown path is not found", () => {
    assert.equal(new App().handle({ method: "GET", path: "/nothing" }).status, 404);
  });
  test("a short password is refused", () => {
    assert.equal(new App().handle(post("/register", "ada", "short")).status, 400);
  });
  test("registers once", () => {
    const app = new App();
    assert.equal(app.handle(post("/register", "ada", "correct horse")).status, 201);
    assert.equal(app.handle(post("/register", "ada", "correct horse")).status, 409);
  });
});

describe("login", () => {
  test("the right password gives a token that works", () => {
    const app = withAda();
    const answer = app.handle(post("/login", "ada", "correct horse"));
    assert.equal(answer.status, 200);
    const me = app.handle({ method: "GET", path: "/me", token: String(answer.body.token) });
    assert.deepEqual(me, { status: 200, body: { name: "ada" } });
  });
  test("a wrong password is refused", () => {
    assert.deepEqual(withAda().handle(post("/login", "ada", "wrong horse")), { status: 401, body: { error: "wrong name or password" } });
  });
  test("an unknown user is refused in the same words", () => {
    assert.deepEqual(withAda().handle(post("/login", "eve", "correct horse")), { status: 401, body: { error: "wrong name or password" } });
  });
  test("nobody is logged in without a token", () => {
    assert.equal(new App().handle({ method: "GET", path: "/me" }).status, 401);
  });
});
