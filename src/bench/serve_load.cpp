#include "bench/serve_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <latch>
#include <random>

namespace aicoder {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::array<std::string_view, 48> kWords = {
    "the",   "time",  "house", "water", "small", "great", "hand",  "number", "people", "over",  "such",  "where",
    "place", "work",  "name",  "good",  "each",  "world", "still", "night",  "light",  "story", "point", "city",
    "tree",  "under", "never", "start", "earth", "eye",   "head",  "while",  "line",   "right", "move",  "live",
    "money", "study", "book",  "word",  "what",  "some",  "food",  "plant",  "field",  "open",  "near",  "music"};

nlohmann::json request(const Endpoint& endpoint, const ServeScenario& scenario, size_t stream, size_t turn, uint32_t seed) {
  const auto fragment = fragment_of(scenario, stream, turn);
  nlohmann::json messages = nlohmann::json::array();
  if (scenario.history_tokens > 0) messages.push_back({{"role", "system"}, {"content", words(scenario.history_tokens, seed)}});
  // Of its own from the first word on, so that nothing but the history is shared.
  const auto own = words(8, seed * 1000003u + static_cast<uint32_t>(stream * 1009 + turn + 1));
  messages.push_back({{"role", "user"}, {"content", fmt::format("{}. Count from one to one thousand in words.", own)}});
  auto body = endpoint.body(fragment, scenario.history_tokens > 0);
  body["messages"] = std::move(messages);
  body["temperature"] = 0;
  body["max_tokens"] = scenario.generated_tokens;
  return body;
}

}  // namespace

size_t StreamLoad::tokens() const noexcept {
  size_t n = 0;
  for (const auto& turn : turns) n += turn.tokens;
  return n;
}

double RoundLoad::tokens_per_s() const noexcept {
  size_t n = 0;
  for (const auto& stream : streams) n += stream.tokens();
  return seconds > 0 ? static_cast<double>(n) / seconds : 0;
}

double RoundLoad::slowest_stream_share() const noexcept {
  double least = 0, most = 0;
  for (const auto& stream : streams) {
    const double rate = stream.seconds > 0 ? static_cast<double>(stream.tokens()) / stream.seconds : 0;
    least = &stream == &streams.front() ? rate : std::min(least, rate);
    most = std::max(most, rate);
  }
  return most > 0 ? least / most : 0;
}

std::vector<double> RoundLoad::first_ms(const ServeScenario& scenario) const {
  std::vector<double> out;
  for (const auto& stream : streams) {
    for (size_t t = scenario.change_every_turn ? 1 : 0; t < stream.turns.size(); ++t) out.push_back(stream.turns[t].first_ms);
  }
  return out;
}

std::vector<double> RoundLoad::token_ms() const {
  std::vector<double> out;
  for (const auto& stream : streams) {
    for (const auto& turn : stream.turns) {
      if (turn.tokens > 1) out.push_back((turn.total_ms - turn.first_ms) / static_cast<double>(turn.tokens - 1));
    }
  }
  return out;
}

std::optional<size_t> fragment_of(const ServeScenario& scenario, size_t stream, size_t turn) noexcept {
  if (scenario.fragments == 0) return std::nullopt;
  return (scenario.change_every_turn ? stream + turn : stream) % scenario.fragments;
}

std::string words(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::string out;
  for (size_t i = 0; i < n; ++i) {
    if (i > 0) out += ' ';
    out += kWords[random() % kWords.size()];
  }
  return out;
}

RoundLoad run_load(const Endpoint& endpoint, const ServeScenario& scenario, uint32_t seed, const std::stop_token& stop) {
  RoundLoad load;
  load.streams.resize(scenario.streams);
  std::stop_source own;
  const std::stop_callback on_stop(stop, [&] { own.request_stop(); });
  std::mutex mutex;
  std::exception_ptr failure;
  std::latch ready(static_cast<ptrdiff_t>(scenario.streams) + 1);
  Clock::time_point start;
  std::vector<std::jthread> threads;
  for (size_t s = 0; s < scenario.streams; ++s) {
    threads.emplace_back([&, s] {
      ready.arrive_and_wait();
      try {
        ChatClient client(endpoint.base_url, endpoint.token, own.get_token());
        for (size_t t = 0; t < scenario.turns; ++t) {
          load.streams[s].turns.push_back(client.chat(request(endpoint, scenario, s, t, seed)));
          load.streams[s].fragments.push_back(fragment_of(scenario, s, t));
        }
        load.streams[s].seconds = std::chrono::duration<double>(Clock::now() - start).count();
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        own.request_stop();  // what the others measure is of no use
      }
    });
  }
  start = Clock::now();
  ready.arrive_and_wait();
  threads.clear();
  load.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  throw_if_stopped(stop);
  if (failure) std::rethrow_exception(failure);
  return load;
}

}  // namespace aicoder
