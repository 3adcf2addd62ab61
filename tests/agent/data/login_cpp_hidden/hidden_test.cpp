// Hidden tests of examples/login_cpp: never shown to the loop; they judge a finished run.
#include <cstdio>
#include <set>

#include "app.h"
#include "passwords.h"

namespace {

int failures = 0;
void expect(bool ok, const char* what) {
  if (!ok) std::printf("failed: %s\n", what);
  failures += ok ? 0 : 1;
}
Request post(const std::string& path, const std::string& name, const std::string& password) {
  return {"POST", path, {{"name", name}, {"password", password}}, ""};
}

}  // namespace

int main() {
  for (const std::string password :
       {"correct horse", "12345678", "p\u00e4ssw\u00f6rd \ube44\ubc00", " leading", std::string(200, 'x').c_str()}) {
    const std::string stored = hash_password(password);
    expect(verify_password(password, stored), "the password verifies");
    expect(!verify_password(password + " ", stored), "a near miss does not");
    expect(stored.find(password) == std::string::npos, "the password is not in its hash");
  }
  std::set<std::string> hashes;
  for (int i = 0; i < 3; ++i) hashes.insert(hash_password("correct horse"));
  expect(hashes.size() == 3, "salts differ");
  App app;
  for (const char* name : {"ada", "bob"}) app.handle(post("/register", name, std::string("secret of ") + name));
  std::set<std::string> tokens;
  for (const char* name : {"ada", "bob"}) {
    const Response answer = app.handle(post("/login", name, std::string("secret of ") + name));
    expect(answer.status == 200 && answer.body.count("token") == 1, "logs in");
    if (answer.body.count("token") == 0) continue;
    tokens.insert(answer.body.at("token"));
    expect(app.handle({"GET", "/me", {}, answer.body.at("token")}).body.at("name") == name, "each user has their own session");
  }
  expect(tokens.size() == 2, "tokens differ");
  expect(app.handle(post("/login", "ada", "secret of bob")).status == 401, "the password of another user is refused");
  expect(app.handle({"POST", "/login", {}, ""}).status == 401, "nothing given is refused");
  expect(app.handle({"GET", "/health", {}, ""}).body.at("users") == "2", "other routes still work");
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
