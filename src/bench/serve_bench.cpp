#include <fmt/format.h>

#include <algorithm>

#include "aicoder/bench.h"
#include "aicoder/model.h"
#include "bench/made_fragments.h"
#include "bench/raw_log.h"
#include "bench/serve_load.h"
#include "bench/statistics.h"

namespace aicoder {
namespace {

constexpr size_t kMostFragments = 4;
constexpr size_t kMostStreams = 64;  // as many as a server takes without other limits
constexpr size_t kPromptRoom = 192;  // template, question, and words of more than one token

void check(const ServeBenchOptions& options) {
  const auto refuse = [](const std::string& what) { throw Error(ErrorCode::kInvalidArgument, "[bench] " + what); };
  if (options.rounds == 0) refuse("rounds is 0, expected at least 1");
  if (options.scenarios.empty()) refuse("no scenarios, expected at least one");
  for (const auto& scenario : options.scenarios) {
    const auto at = [&](const std::string& what) { refuse(fmt::format("scenario '{}': {}", scenario.name, what)); };
    if (scenario.streams == 0 || scenario.streams > kMostStreams)
      at(fmt::format("{} streams, expected 1 to {}", scenario.streams, kMostStreams));
    if (scenario.turns == 0) at("0 turns, expected at least 1");
    if (scenario.generated_tokens == 0) at("0 generated tokens, expected at least 1");
    if (scenario.fragments > kMostFragments) at(fmt::format("{} fragments, expected at most {}", scenario.fragments, kMostFragments));
    if (scenario.change_every_turn && (scenario.fragments < 2 || scenario.turns < 2)) at("changing needs 2 fragments and 2 turns at least");
  }
}

bool is_url(const std::string& text) { return text.starts_with("http://") || text.starts_with("https://"); }

/// One side of one scenario, over its rounds.
class Side {
 public:
  Side(Endpoint endpoint, const ServeScenario& scenario) : endpoint_(std::move(endpoint)), scenario_(scenario) {}

  /// Pages, lanes and adapters come into memory: with each fragment, one short answer that is not counted.
  void warm_up(const std::stop_token& stop) {
    for (size_t i = 0; i < std::max<size_t>(1, scenario_.fragments); ++i) {
      auto one = scenario_;
      one.streams = one.turns = 1;
      one.history_tokens = 0;
      one.generated_tokens = 2;
      auto body = endpoint_.body(scenario_.fragments == 0 ? std::nullopt : std::optional(i), false);
      body["messages"] = nlohmann::json::array({{{"role", "user"}, {"content", "Count from one to ten."}}});
      body["temperature"] = 0;
      body["max_tokens"] = 2;
      ChatClient(endpoint_.base_url, endpoint_.token, stop).chat(body);
    }
  }

  void run_round(size_t round, uint32_t seed, const char* name, RawLog& raw, const std::stop_token& stop) {
    const auto load = run_load(endpoint_, scenario_, seed, stop);
    tokens_per_s.push_back(load.tokens_per_s());
    shares_.push_back(load.slowest_stream_share());
    const auto first = load.first_ms(scenario_), token = load.token_ms();
    first_medians.push_back(median(first));
    first_.insert(first_.end(), first.begin(), first.end());
    token_.insert(token_.end(), token.begin(), token.end());
    for (size_t s = 0; s < load.streams.size(); ++s) {
      for (size_t t = 0; t < load.streams[s].turns.size(); ++t) {
        const auto& turn = load.streams[s].turns[t];
        const auto& fragment = load.streams[s].fragments[t];
        ++total.requests;
        total.tokens += turn.tokens;
        total.prompt_tokens += turn.prompt_tokens;
        total.reused_tokens += turn.cached_tokens;
        raw.add({{"scenario", scenario_.name},
                 {"side", name},
                 {"round", round},
                 {"stream", s},
                 {"turn", t},
                 {"fragment", fragment ? nlohmann::ordered_json(*fragment) : nlohmann::ordered_json()},
                 {"first_ms", turn.first_ms},
                 {"total_ms", turn.total_ms},
                 {"tokens", turn.tokens},
                 {"prompt_tokens", turn.prompt_tokens},
                 {"cached_tokens", turn.cached_tokens}});
      }
    }
  }

  ServeSide summary() const {
    ServeSide out = total;
    out.tokens_per_s = median(tokens_per_s);
    out.first_token_ms = quantiles(first_);
    out.token_ms = median(token_);
    out.slowest_stream_share = *std::min_element(shares_.begin(), shares_.end());
    return out;
  }

  std::vector<double> tokens_per_s, first_medians;  ///< by round
  ServeSide total;

 private:
  Endpoint endpoint_;
  const ServeScenario& scenario_;
  std::vector<double> shares_, first_, token_;
};

}  // namespace

std::vector<ServeScenario> serve_scenarios() {
  return {
      {.name = "base-1", .streams = 1, .fragments = 0},
      {.name = "one-1", .streams = 1},
      {.name = "one-4", .streams = 4},
      {.name = "one-16", .streams = 16},
      {.name = "four-of-8", .streams = 8, .fragments = 4},
      {.name = "change-every-turn", .streams = 4, .fragments = 4, .change_every_turn = true, .history_tokens = 1000, .turns = 4},
      {.name = "switch-2k",
       .streams = 1,
       .fragments = 2,
       .change_every_turn = true,
       .history_tokens = 2000,
       .turns = 8,
       .generated_tokens = 8},
  };
}

ServeBench run_serve_bench(const ServeBenchOptions& options) {
  check(options);
  RawLog raw(options.raw);
  const ScratchDir scratch;
  ServeBench result{.model = options.model.string(), .engine = engine_description()};
  result.n_threads = options.n_threads > 0 ? options.n_threads : usable_cores();
  const auto file = GgufFile::open(options.model);

  std::filesystem::path llama_server;
  const bool given_url = options.with_peer && is_url(options.peer);
  if (options.with_peer && !given_url) {
    if (!options.peer.empty()) {
      llama_server = options.peer;
      if (!std::filesystem::exists(llama_server)) {
        throw Error(ErrorCode::kNotFound, "[bench] no peer at " + options.peer, "bench/peers/build.sh llama-server");
      }
    } else if (auto found = find_peer("llama-server")) {
      llama_server = *found;
    } else {
      result.peer_missing = "llama-server is not built; bench/peers/build.sh llama-server builds it";
    }
  }
  const auto fragments = fill_up_fragments(options.fragments, kMostFragments, file, scratch.path());
  if (given_url) result.peer_command = {options.peer};

  size_t done = 0;
  for (const auto& scenario : options.scenarios) {
    // Servers of its own for each scenario: as many sequences and as long a context as it needs, and nothing left of the one before.
    ServerNeeds needs{.model = std::filesystem::absolute(options.model),
                      .fragments = {fragments.begin(), fragments.begin() + static_cast<ptrdiff_t>(scenario.fragments)},
                      .sequences = scenario.streams,
                      .context_tokens = scenario.history_tokens * 5 / 4 + scenario.generated_tokens + kPromptRoom,
                      .n_threads = result.n_threads};
    needs.context_tokens = (needs.context_tokens + 255) / 256 * 256;
    result.command = own_server_command(options.program, needs, options.serve_arguments);
    Side ours(start_own_server(options.program, needs, scratch.path() / "home", options.serve_arguments, options.stop), scenario);
    ours.warm_up(options.stop);
    std::optional<Side> peer;
    if (given_url) {
      peer.emplace(find_endpoint(options.peer, options.peer_token, options.peer_models, scenario.fragments, options.stop), scenario);
    } else if (!llama_server.empty()) {
      result.peer_command = llama_server_command(llama_server, needs, 0);
      peer.emplace(start_llama_server(llama_server, needs, options.stop), scenario);
    }
    if (peer) peer->warm_up(options.stop);
    for (size_t round = 0; round < options.rounds; ++round) {
      const auto seed = static_cast<uint32_t>(1 + round);
      // Whoever comes first finds the machine as the other left it: they change places.
      if (round % 2 == 0) ours.run_round(round, seed, "ours", raw, options.stop);
      if (peer) peer->run_round(round, seed, "peer", raw, options.stop);
      if (round % 2 == 1) ours.run_round(round, seed, "ours", raw, options.stop);
      ++done;
      if (options.progress) {
        options.progress({.stage = "bench serve " + scenario.name,
                          .done = static_cast<double>(done),
                          .total = static_cast<double>(options.rounds * options.scenarios.size()),
                          .unit = "rounds"});
      }
    }
    ServeRow row{.scenario = scenario, .ours = ours.summary()};
    if (peer) {
      row.peer = peer->summary();
      row.throughput_ratio = summarize_ratios(ours.tokens_per_s, peer->tokens_per_s);
      row.first_token_ratio = summarize_ratios(peer->first_medians, ours.first_medians);
    }
    result.rows.push_back(std::move(row));
  }
  raw.commit();
  return result;
}

}  // namespace aicoder
