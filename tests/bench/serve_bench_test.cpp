// `aicoder serve` as a child process with the test model, against an endpoint of the test. Speeds are not asserted.
#include <gtest/gtest.h>

#include "aicoder/bench.h"
#include "bench/fake_endpoint.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

ServeBenchOptions small(std::vector<ServeScenario> scenarios) {
  return {.model = test::require_model("smollm2-135m"),
          .program = std::string(AICODER_BINARY_DIR) + "/bin/aicoder",
          .scenarios = std::move(scenarios),
          .rounds = 2,
          .n_threads = 1};
}

TEST(ServeBench, BothSidesAnswerEveryRequest) {
  const test::TempDir dir;
  test::FakeEndpoint peer;
  auto options = small({{.name = "fixed", .streams = 2, .fragments = 2, .turns = 1, .generated_tokens = 6},
                        {.name = "changing",
                         .streams = 1,
                         .fragments = 2,
                         .change_every_turn = true,
                         .history_tokens = 120,
                         .turns = 4,
                         .generated_tokens = 4}});
  options.peer = peer.url();
  options.raw = dir / "raw.jsonl";
  const auto result = run_serve_bench(options);
  ASSERT_EQ(result.rows.size(), 2u);
  for (const auto& row : result.rows) {
    EXPECT_EQ(row.ours.requests, 4u * (row.scenario.name == "changing" ? 2 : 1)) << row.scenario.name;
    EXPECT_GT(row.ours.tokens_per_s, 0);
    EXPECT_GT(row.ours.first_token_ms.p50, 0);
    EXPECT_GT(row.ours.slowest_stream_share, 0);
    EXPECT_LE(row.ours.tokens, row.ours.requests * row.scenario.generated_tokens);
    EXPECT_GT(row.ours.tokens, row.ours.requests) << "answers of one token time nothing";
    ASSERT_TRUE(row.peer.has_value());
    EXPECT_EQ(row.peer->tokens, 3 * row.peer->requests);
    EXPECT_GT(row.throughput_ratio->median, 0);
    EXPECT_GT(row.first_token_ratio->median, 0);
  }
  // Of the history every turn but the first of a round is found, whatever its fragment.
  const auto& changing = result.rows[1].ours;
  EXPECT_EQ(changing.first_token_ms.n, 6u);
  EXPECT_GT(changing.reused_tokens, changing.requests * 120 * 6 / 10);
  EXPECT_EQ(result.peer_command, std::vector<std::string>{peer.url()});
  size_t lines = 0;
  for_each_line(options.raw, [&](size_t, std::string_view) { ++lines; });
  EXPECT_EQ(lines, 2u * (4 + 8));
}

TEST(ServeBench, AServerThatDoesNotStartIsNamedWithWhatItSaid) {
  auto options = small({{.name = "one", .fragments = 0, .turns = 1, .generated_tokens = 2}});
  options.with_peer = false;
  options.serve_arguments = {"--host", "300.1.1.1"};
  EXPECT_ERROR(run_serve_bench(options), ErrorCode::kUnavailable, "ended before it served");
  options.serve_arguments.clear();
  options.with_peer = true;
  options.peer = "/no/such/llama-server";
  EXPECT_ERROR(run_serve_bench(options), ErrorCode::kNotFound, "no peer at /no/such/llama-server");
}

}  // namespace
}  // namespace aicoder
