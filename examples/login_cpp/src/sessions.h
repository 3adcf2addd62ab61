// Tokens of logged-in users.
#pragma once

#include <map>
#include <optional>
#include <string>

class SessionStore {
 public:
  /// A new token for the user.
  std::string create(const std::string& name);
  std::optional<std::string> name_of(const std::string& token) const;

 private:
  std::map<std::string, std::string> names_;
};
