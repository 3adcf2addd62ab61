// Users by name, with the hash of their password.
#pragma once

#include <map>
#include <optional>
#include <string>

class UserStore {
 public:
  /// False when the name is taken.
  bool add(const std::string& name, const std::string& password_hash);
  std::optional<std::string> password_hash(const std::string& name) const;
  size_t count() const { return users_.size(); }

 private:
  std::map<std::string, std::string> users_;
};
