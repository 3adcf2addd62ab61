#include "users.h"

bool UserStore::add(const std::string& name, const std::string& password_hash) { return users_.emplace(name, password_hash).second; }

std::optional<std::string> UserStore::password_hash(const std::string& name) const {
  const auto user = users_.find(name);
  if (user == users_.end()) return std::nullopt;
  return user->second;
}
