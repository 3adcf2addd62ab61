#include "passwords.h"

#include "key_derivation.h"

std::string hash_password(std::string_view password) {
  const std::string salt = random_bytes(16);
  return to_hex(salt) + "$" + to_hex(derive_key(password, salt));
}

bool verify_password(std::string_view password, std::string_view stored) {
  const size_t mark = stored.find('$');
  if (mark == std::string_view::npos || mark == 0) return false;
  const auto salt = from_hex(stored.substr(0, mark)), key = from_hex(stored.substr(mark + 1));
  return salt && key && equal_in_constant_time(derive_key(password, *salt), *key);
}
