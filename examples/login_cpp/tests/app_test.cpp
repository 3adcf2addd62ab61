#include "app.h"

#include "cases.h"

namespace {

Request post(const std::string& path, const std::string& name, const std::string& password) {
  return {"POST", path, {{"name", name}, {"password", password}}, ""};
}

App with_ada() {
  App app;
  app.handle(post("/register", "ada", "correct horse"));
  return app;
}

}  // namespace

int main(int argc, char** argv) {
  return run_case(argc, argv,
                  {{"health_counts_users", [] { EXPECT(App().handle({"GET", "/health", {}, ""}).body.at("users") == "0"); }},
                   {"unknown_path", [] { EXPECT(App().handle({"GET", "/nothing", {}, ""}).status == 404); }},
                   {"short_password", [] { EXPECT(App().handle(post("/register", "ada", "short")).status == 400); }},
                   {"registers_once",
                    [] {
                      App app;
                      EXPECT(app.handle(post("/register", "ada", "correct horse")).status == 201);
                      EXPECT(app.handle(post("/register", "ada", "correct horse")).status == 409);
                    }},
                   {"right_password_logs_in",
                    [] {
                      App app = with_ada();
                      const Response answer = app.handle(post("/login", "ada", "correct horse"));
                      EXPECT(answer.status == 200);
                      EXPECT(answer.body.count("token") == 1);
                      if (answer.body.count("token") == 1) {
                        EXPECT(app.handle({"GET", "/me", {}, answer.body.at("token")}).body.at("name") == "ada");
                      }
                    }},
                   {"wrong_password",
                    [] {
                      App app = with_ada();
                      const Response answer = app.handle(post("/login", "ada", "wrong horse"));
                      EXPECT(answer.status == 401);
                      EXPECT(answer.body.count("error") == 1 && answer.body.at("error") == "wrong name or password");
                    }},
                   {"unknown_user",
                    [] {
                      App app = with_ada();
                      const Response answer = app.handle(post("/login", "eve", "correct horse"));
                      EXPECT(answer.status == 401);
                      EXPECT(answer.body.count("error") == 1 && answer.body.at("error") == "wrong name or password");
                    }},
                   {"no_token", [] { EXPECT(App().handle({"GET", "/me", {}, ""}).status == 401); }}});
}
