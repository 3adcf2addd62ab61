// The requests of one scenario, sent to one server at once. Private to src/bench.
#pragma once

#include <vector>

#include "aicoder/bench.h"
#include "bench/chat_client.h"
#include "bench/served.h"

namespace aicoder {

struct StreamLoad {
  std::vector<ChatTiming> turns;
  std::vector<std::optional<size_t>> fragments;  ///< of each turn
  double seconds = 0;                            ///< from the start of the round to its last answer
  size_t tokens() const noexcept;
};
struct RoundLoad {
  std::vector<StreamLoad> streams;
  double seconds = 0;
  double tokens_per_s() const noexcept;
  double slowest_stream_share() const noexcept;
  /// Of a scenario that changes fragments without the first turn of each stream, which reads the history.
  std::vector<double> first_ms(const ServeScenario& scenario) const;
  /// From the first token to the last for each after the first; of answers of at least two.
  std::vector<double> token_ms() const;
};

/// The fragment of a turn; none: the base.
std::optional<size_t> fragment_of(const ServeScenario& scenario, size_t stream, size_t turn) noexcept;
/// Common words, most of them one token each. The same for the same seed.
std::string words(size_t n, uint32_t seed);

/// \param seed  of this round's texts: the same for both sides.  \throws what a client threw first; the others are stopped then.
RoundLoad run_load(const Endpoint& endpoint, const ServeScenario& scenario, uint32_t seed, const std::stop_token& stop);

}  // namespace aicoder
