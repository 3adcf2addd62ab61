import assert from "node:assert/strict";
import { test } from "node:test";
import { hashPassword, verifyPassword } from "../src/passwords.js";

test("the right password verifies", () => {
  assert.equal(verifyPassword("correct horse", hashPassword("correct horse")), true);
});

test("a wrong password does not", () => {
  const stored = hashPassword("correct horse");
  assert.equal(verifyPassword("wrong horse", stored), false);
  assert.equal(verifyPassword("", stored), false);
});

test("the salt differs", () => {
  assert.notEqual(hashPassword("correct horse"), hashPassword("correct horse"));
});

test("any other text is no hash", () => {
  for (const text of ["", "$", "correct horse", "zz$zz", "00", "00$", "$00"]) assert.equal(verifyPassword("correct horse", text), false);
});
