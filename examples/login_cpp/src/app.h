// The service as one function: handle(request) -> response, without a web server.
#pragma once

#include <map>
#include <string>

#include "sessions.h"
#include "users.h"

struct Request {
  std::string method, path;
  std::map<std::string, std::string> body;
  std::string token;
};
struct Response {
  int status = 200;
  std::map<std::string, std::string> body;
};

class App {
 public:
  Response handle(const Request& request);

 private:
  Response health() const;
  Response register_user(const Request& request);
  Response me(const Request& request) const;

  UserStore users_;
  SessionStore sessions_;
};
