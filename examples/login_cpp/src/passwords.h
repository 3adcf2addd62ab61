// Password hashing: salted, slow, and checked in constant time.
// A stored hash is text: the salt in hex, a "$", the key in hex. So the salt can be read back from it.
#pragma once

#include <string>
#include <string_view>

/// A salted hash of the password as text. Two calls give two different texts.
std::string hash_password(std::string_view password);
/// True when the password is the one that `stored` was made from. False for any text that is no such hash.
bool verify_password(std::string_view password, std::string_view stored);
