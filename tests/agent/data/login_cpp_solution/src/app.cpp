#include "app.h"

#include "passwords.h"

namespace {

Response failure(int status, const std::string& error) { return {status, {{"error", error}}}; }

std::string field(const Request& request, const std::string& name) {
  const auto value = request.body.find(name);
  return value == request.body.end() ? "" : value->second;
}

}  // namespace

Response App::handle(const Request& request) {
  if (request.method == "GET" && request.path == "/health") return health();
  if (request.method == "POST" && request.path == "/register") return register_user(request);
  if (request.method == "POST" && request.path == "/login") {
    const std::string name = field(request, "name");
    const auto stored = users_.password_hash(name);
    if (!stored || !verify_password(field(request, "password"), *stored)) return failure(401, "wrong name or password");
    return {200, {{"token", sessions_.create(name)}}};
  }
  if (request.method == "GET" && request.path == "/me") return me(request);
  return failure(404, "not found");
}

Response App::health() const { return {200, {{"users", std::to_string(users_.count())}}}; }

Response App::register_user(const Request& request) {
  const std::string name = field(request, "name"), password = field(request, "password");
  if (name.empty() || password.empty()) return failure(400, "name and password are needed");
  if (password.size() < 8) return failure(400, "the password is too short");
  if (!users_.add(name, hash_password(password))) return failure(409, "name is taken");
  return {201, {{"name", name}}};
}

Response App::me(const Request& request) const {
  const auto name = sessions_.name_of(request.token);
  if (!name) return failure(401, "log in first");
  return {200, {{"name", *name}}};
}
