// splitmix64: the same numbers on every machine and with every standard library, which std:: distributions do not promise.
#pragma once

#include <cstdint>

namespace aicoder::train {

class Random {
 public:
  explicit Random(uint64_t seed) noexcept : state_(seed) {}
  uint64_t next() noexcept {
    state_ += 0x9E3779B97F4A7C15ULL;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, 1), a multiple of 2^-24.
  float unit() noexcept { return static_cast<float>(next() >> 40) * 0x1p-24f; }
  /// Uniform in [0, n), n > 0. The bias of the remainder is below n / 2^64.
  uint64_t below(uint64_t n) noexcept { return next() % n; }

 private:
  uint64_t state_;
};

}  // namespace aicoder::train
