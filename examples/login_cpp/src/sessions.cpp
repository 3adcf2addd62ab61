#include "sessions.h"

#include "key_derivation.h"

std::string SessionStore::create(const std::string& name) {
  std::string token = to_hex(random_bytes(16));
  names_[token] = name;
  return token;
}

std::optional<std::string> SessionStore::name_of(const std::string& token) const {
  const auto session = names_.find(token);
  if (session == names_.end()) return std::nullopt;
  return session->second;
}
