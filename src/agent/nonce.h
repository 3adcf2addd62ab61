// A word that untrusted code in a box cannot guess: marks the lines that are ours.
#pragma once

#include <random>
#include <string>

namespace aicoder::agent {

inline std::string make_nonce() {
  std::random_device random;
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string nonce;
  for (size_t i = 0; i < 32; ++i) nonce += kDigits[random() % 16];
  return nonce;
}

}  // namespace aicoder::agent
