// Numbers that are the same for a seed with every compiler and standard library; std::normal_distribution is not.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

namespace aicoder::fragment {

/// splitmix64: passes BigCrush, one multiplication chain per number, any seed is a good seed.
/// Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
class SeededRandom {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// In (0, 1): 24 bits and a half, so neither end is reached.
  float uniform() { return (static_cast<float>(next() >> 40) + 0.5f) * 0x1p-24f; }
  /// Standard normal (Box-Muller).
  float normal() {
    const float radius = std::sqrt(-2.0f * std::log(uniform()));
    return radius * std::cos(2.0f * std::numbers::pi_v<float> * uniform());
  }

 private:
  uint64_t state_;
};

/// A seed of its own for each tensor, whatever the order or thread that works on it (FNV-1a over the name).
inline uint64_t seed_for(uint64_t seed, std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u ^ seed;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

}  // namespace aicoder::fragment
