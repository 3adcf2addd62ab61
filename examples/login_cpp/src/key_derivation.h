// What password hashing is made of.
#pragma once

#include <optional>
#include <string>
#include <string_view>

/// `n` bytes nobody can predict.
std::string random_bytes(size_t n);
/// PBKDF2-HMAC-SHA256 with 100,000 rounds (RFC 8018): 32 bytes.
std::string derive_key(std::string_view password, std::string_view salt);
/// Takes as long for the first differing byte as for the last.
bool equal_in_constant_time(std::string_view a, std::string_view b);

std::string to_hex(std::string_view bytes);
/// Nothing where the text is not pairs of hexadecimal digits.
std::optional<std::string> from_hex(std::string_view text);
