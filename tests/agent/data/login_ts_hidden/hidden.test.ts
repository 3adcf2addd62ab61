// Hidden tests of examples/login_ts: never shown to the loop; they judge a finished run.
import assert from "node:assert/strict";
import { test } from "node:test";
import { App, type Request } from "../src/app.js";
import { hashPassword, verifyPassword } from "../src/passwords.js";

function post(path: string, name: string, password: string): Request {
  return { method: "POST", path, body: { name, password } };
}

test("many passwords and near misses", () => {
  for (const password of ["correct horse", "12345678", "pässwörd 비밀", " leading", "x".repeat(200)]) {
    const stored = hashPassword(password);
    assert.equal(verifyPassword(password, stored), true);
    assert.equal(verifyPassword(password + " ", stored), false);
    assert.equal(stored.includes(password), false);
  }
});

test("salts differ", () => {
  assert.equal(new Set([1, 2, 3].map(() => hashPassword("correct horse"))).size, 3);
});

test("each user has their own session", () => {
  const app = new App();
  const tokens = new Set<string>();
  for (const name of ["ada", "bob"]) app.handle(post("/register", name, `secret of ${name}`));
  for (const name of ["ada", "bob"]) {
    const answer = app.handle(post("/login", name, `secret of ${name}`));
    assert.equal(answer.status, 200);
    const token = String(answer.body.token);
    tokens.add(token);
    assert.equal(app.handle({ method: "GET", path: "/me", token }).body.name, name);
  }
  assert.equal(tokens.size, 2);
  assert.equal(app.handle(post("/login", "ada", "secret of bob")).status, 401);
  assert.equal(app.handle({ method: "POST", path: "/login" }).status, 401);
  assert.equal(app.handle({ method: "GET", path: "/health" }).body.users, 2);
});
