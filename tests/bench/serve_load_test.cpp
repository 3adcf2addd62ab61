#include "bench/serve_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "bench/fake_endpoint.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

using test::FakeEndpoint;
using ::testing::Contains;
using ::testing::ElementsAre;

TEST(ServeLoad, FragmentsAreFixedOrGoRound) {
  const ServeScenario fixed{.streams = 8, .fragments = 4}, changing{.streams = 4, .fragments = 4, .change_every_turn = true};
  EXPECT_EQ(fragment_of(fixed, 5, 0), 1u);
  EXPECT_EQ(fragment_of(fixed, 5, 7), 1u);
  EXPECT_EQ(fragment_of(changing, 3, 0), 3u);
  EXPECT_EQ(fragment_of(changing, 3, 1), 0u);
  EXPECT_EQ(fragment_of({.fragments = 0}, 3, 1), std::nullopt);
}

TEST(ServeLoad, WordsAreTheSameForTheSameSeedOnly) {
  EXPECT_EQ(words(100, 7), words(100, 7));
  EXPECT_NE(words(100, 7), words(100, 8));
  EXPECT_EQ(std::ranges::count(words(100, 7), ' '), 99);
}

TEST(ServeLoad, EveryStreamAsksItsTurnsOverTheSharedHistory) {
  FakeEndpoint server;
  Endpoint endpoint{.base_url = server.url(), .kind = Endpoint::Kind::kAicoder, .models = {"tiny"}};
  const ServeScenario scenario{
      .name = "x", .streams = 3, .fragments = 2, .change_every_turn = true, .history_tokens = 50, .turns = 2, .generated_tokens = 9};
  const auto load = run_load(endpoint, scenario, 1, {});
  ASSERT_EQ(load.streams.size(), 3u);
  EXPECT_GT(load.seconds, 0);
  EXPECT_GT(load.tokens_per_s(), 0);
  EXPECT_GT(load.slowest_stream_share(), 0);
  EXPECT_LE(load.slowest_stream_share(), 1);
  EXPECT_EQ(load.first_ms(scenario).size(), 3u) << "without the first turns, which read the history";
  EXPECT_EQ(load.token_ms().size(), 6u);
  std::set<std::string> histories, questions;
  std::multiset<std::string> fragments;
  for (const auto& body : server.asked()) {
    histories.insert(body["messages"][0]["content"]);
    questions.insert(body["messages"][1]["content"]);
    fragments.insert(body["fragments"][0]["name"]);
    EXPECT_EQ(body["active_from"], 1);
    EXPECT_EQ(body["max_tokens"], 9);
    EXPECT_EQ(body["temperature"], 0);
  }
  EXPECT_EQ(histories.size(), 1u);
  EXPECT_EQ(questions.size(), 6u);
  EXPECT_EQ(fragments, (std::multiset<std::string>{"bench-0", "bench-0", "bench-0", "bench-1", "bench-1", "bench-1"}));
}

TEST(ServeLoad, TheFirstFailureStopsAll) {
  FakeEndpoint server;
  server.status = 500;
  Endpoint endpoint{.base_url = server.url(), .models = {"m"}};
  EXPECT_ERROR(run_load(endpoint, {.name = "x", .streams = 4, .turns = 50}, 1, {}), ErrorCode::kUnavailable, "answered 500");
  EXPECT_LT(server.asked().size(), 50u);
}

TEST(ServeLoad, ASlowStreamShowsInItsShare) {
  RoundLoad load;
  load.streams.resize(2);
  load.streams[0] = {.turns = {{.tokens = 100}}, .seconds = 10};
  load.streams[1] = {.turns = {{.tokens = 25}}, .seconds = 10};
  load.seconds = 10;
  EXPECT_DOUBLE_EQ(load.slowest_stream_share(), 0.25);
  EXPECT_DOUBLE_EQ(load.tokens_per_s(), 12.5);
}

TEST(Endpoint, LlamaServerGetsAScaleForEachAdapter) {
  const Endpoint endpoint{.kind = Endpoint::Kind::kLlamaServer, .n_fragments = 3};
  EXPECT_EQ(endpoint.body(1, true)["lora"].dump(), R"([{"id":0,"scale":0.0},{"id":1,"scale":1.0},{"id":2,"scale":0.0}])");
  EXPECT_EQ(endpoint.body(std::nullopt, false)["lora"][1]["scale"], 0.0);
}

TEST(Endpoint, OthersGetModelNames) {
  const Endpoint endpoint{.models = {"a", "b"}};
  EXPECT_EQ(endpoint.body(1, true)["model"], "b");
  EXPECT_EQ(endpoint.body(std::nullopt, true)["model"], "a");
  EXPECT_EQ(endpoint.body(3, true)["model"], "a");
}

TEST(Endpoint, IsFoundByWhatItLists) {
  FakeEndpoint server;
  const auto other = find_endpoint(server.url() + "/", "a-token-of-some-length", {}, 2, {});
  EXPECT_EQ(server.authorization, "Bearer a-token-of-some-length");
  EXPECT_EQ(other.kind, Endpoint::Kind::kOther);
  EXPECT_THAT(other.models, ElementsAre("base"));
  EXPECT_EQ(other.base_url, server.url());
  EXPECT_THAT(find_endpoint(server.url(), {}, {"x", "y"}, 2, {}).models, ElementsAre("x", "y"));
  server.models = R"({"data": [{"id": "m.gguf", "owned_by": "llamacpp"}]})";
  EXPECT_EQ(find_endpoint(server.url(), {}, {}, 2, {}).kind, Endpoint::Kind::kLlamaServer);
  server.models = R"({"data": []})";
  EXPECT_ERROR(find_endpoint(server.url(), {}, {}, 2, {}), ErrorCode::kUnavailable, "/models lists no model");
}

TEST(ServerCommands, AskForTheSameThreadsSequencesAndContext) {
  const ServerNeeds needs{.model = "/m.gguf", .fragments = {"/a.gguf", "/b.gguf"}, .sequences = 4, .context_tokens = 512, .n_threads = 3};
  const auto ours = own_server_command("aicoder", needs, {"--lookup", "8"});
  const std::vector<std::string> expected = {"aicoder",         "serve",  "-m",       "/m.gguf",   "--port", "0",         "--json",
                                             "--no-access-log", "--rate", "0",        "--threads", "3",      "--context", "512",
                                             "--sequences",     "4",      "--lookup", "8"};
  EXPECT_EQ(ours, expected);
  const auto theirs = llama_server_command("llama-server", needs, 99);
  EXPECT_THAT(theirs, Contains("2048")) << "its context is that of all sequences";
  EXPECT_EQ(std::vector(theirs.end() - 5, theirs.end()),
            (std::vector<std::string>{"--lora-init-without-apply", "--lora", "/a.gguf", "--lora", "/b.gguf"}));
}

TEST(ChildServer, OneThatEndsIsNamedWithWhatItSaid) {
  ChildServer child({"sh", "-c", "echo loading; echo 'no such model' >&2; exit 3"}, {});
  const auto never = [](const std::string&) { return std::optional<std::string>(); };
  EXPECT_ERROR(child.wait_ready(never, std::chrono::seconds(30), {}), ErrorCode::kUnavailable,
               "sh ended before it served: loading\nno such model");
  ChildServer missing({"/no/such/program"}, {});
  EXPECT_ERROR(missing.wait_ready(never, std::chrono::seconds(30), {}), ErrorCode::kNotFound, "cannot start /no/such/program");
}

TEST(ChildServer, IsKilledWhenItGoes) {
  const test::TempDir dir;
  const auto start = std::chrono::steady_clock::now();
  {
    ChildServer child({"sh", "-c", "echo http://x; sleep 600"}, {});
    const auto said = [](const std::string& out) { return out.empty() ? std::nullopt : std::optional(out.substr(0, out.find('\n'))); };
    EXPECT_EQ(child.wait_ready(said, std::chrono::seconds(30), {}), "http://x");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(ServeBench, RefusesWhatCannotBeMeasured) {
  const auto with = [](const ServeScenario& scenario) { return ServeBenchOptions{.model = "/m.gguf", .scenarios = {scenario}}; };
  EXPECT_ERROR(run_serve_bench({.model = "/m.gguf"}), ErrorCode::kInvalidArgument, "no scenarios");
  EXPECT_ERROR(run_serve_bench(with({.name = "x", .streams = 0})), ErrorCode::kInvalidArgument,
               "scenario 'x': 0 streams, expected 1 to 64");
  EXPECT_ERROR(run_serve_bench(with({.name = "x", .fragments = 5})), ErrorCode::kInvalidArgument, "5 fragments, expected at most 4");
  EXPECT_ERROR(run_serve_bench(with({.name = "x", .change_every_turn = true})), ErrorCode::kInvalidArgument, "changing needs 2 fragments");
  EXPECT_ERROR(run_serve_bench(with({.name = "x", .turns = 0})), ErrorCode::kInvalidArgument, "0 turns");
  EXPECT_ERROR(run_serve_bench(with({.name = "x", .generated_tokens = 0})), ErrorCode::kInvalidArgument, "0 generated tokens");
  auto none = with({.name = "x"});
  none.rounds = 0;
  EXPECT_ERROR(run_serve_bench(none), ErrorCode::kInvalidArgument, "rounds is 0");
}

TEST(ServeScenarios, AreThoseOfTheDesign) {
  std::vector<std::string> names;
  for (const auto& scenario : serve_scenarios()) names.push_back(scenario.name);
  EXPECT_THAT(names, ElementsAre("base-1", "one-1", "one-4", "one-16", "four-of-8", "change-every-turn", "switch-2k"));
}

}  // namespace
}  // namespace aicoder
