#include "bench/chat_client.h"

#include <gtest/gtest.h>

#include "bench/fake_endpoint.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

using std::chrono::milliseconds;
using test::FakeEndpoint;

TEST(ChatStream, CountsPiecesAndReadsTheUsageHoweverTheBytesCome) {
  std::string all = ": a comment\r\nevent: x\r\n";
  for (const auto& part : FakeEndpoint().parts) all += part;
  for (const size_t size : {size_t{1}, size_t{7}, all.size()}) {
    ChatStream stream;
    int firsts = 0;
    for (size_t at = 0; at < all.size(); at += size) firsts += stream.add(std::string_view(all).substr(at, size)) ? 1 : 0;
    EXPECT_EQ(firsts, 1) << "the role without text is no first token";
    EXPECT_EQ(stream.pieces(), 2u);
    EXPECT_TRUE(stream.done());
    EXPECT_EQ(stream.counts().tokens, 3u) << "as the server counts them";
    EXPECT_EQ(stream.counts().prompt_tokens, 20u);
    EXPECT_EQ(stream.counts().cached_tokens, 12u);
  }
}

TEST(ChatStream, WithoutUsageThePiecesCount) {
  ChatStream stream;
  stream.add("data: {\"choices\": [{\"delta\": {\"content\": \"a\"}}]}\ndata: {\"choices\": [{\"delta\": {\"content\": \"b\"}}]}\n");
  EXPECT_EQ(stream.counts().tokens, 2u);
}

TEST(ChatStream, WhatIsNoStreamIsToldWithWhatItIs) {
  EXPECT_ERROR(ChatStream().add("<html>\n"), ErrorCode::kInternal, "no stream of chat chunks: <html>");
  EXPECT_ERROR(ChatStream().add("data: {\"choices\": [\n"), ErrorCode::kInternal, "no stream of chat chunks");
  EXPECT_ERROR(ChatStream().add("data: {\"error\": {\"message\": \"out of memory\"}}\n"), ErrorCode::kUnavailable, "out of memory");
}

TEST(ChatClient, TimesTheFirstTokenAndTheEnd) {
  FakeEndpoint endpoint;
  endpoint.pause = milliseconds(30);
  ChatClient client(endpoint.url(), {}, {});
  const auto timing = client.chat({{"messages", nlohmann::json::array()}});
  // The second of five parts has the first text; sleeping is never shorter than asked.
  EXPECT_GE(timing.first_ms, 60);
  EXPECT_GE(timing.total_ms, 150);
  EXPECT_GE(timing.total_ms - timing.first_ms, 60);
  EXPECT_EQ(timing.tokens, 3u);
  const auto asked = endpoint.asked();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0]["stream"], true);
  EXPECT_EQ(asked[0]["stream_options"]["include_usage"], true);
}

TEST(ChatClient, RefusalsNameTheServerAndWhatItSaid) {
  FakeEndpoint endpoint;
  endpoint.status = 503;
  ChatClient client(endpoint.url(), {}, {});
  EXPECT_ERROR(client.chat({}), ErrorCode::kUnavailable,
               "/chat/completions answered 503: {\"error\": {\"message\": \"the queue is full\"}}");
  EXPECT_ERROR(client.get("/nothing"), ErrorCode::kUnavailable, "answered 404");
  EXPECT_ERROR(ChatClient("http://127.0.0.1:1/v1", {}, {}).get("/models"), ErrorCode::kUnavailable, "http://127.0.0.1:1/v1/models");
}

TEST(ChatClient, AnAnswerWithoutTextIsNoMeasurement) {
  FakeEndpoint endpoint;
  endpoint.parts = {endpoint.parts.front(), endpoint.parts.back()};
  EXPECT_ERROR(ChatClient(endpoint.url(), {}, {}).chat({}), ErrorCode::kInternal, "answered without any text");
}

TEST(ChatClient, AStopEndsAnAnswerThatGoesOn) {
  FakeEndpoint endpoint;
  endpoint.pause = milliseconds(500);
  std::stop_source stop;
  ChatClient client(endpoint.url(), {}, stop.get_token());
  std::jthread later([&] {
    std::this_thread::sleep_for(milliseconds(50));
    stop.request_stop();
  });
  EXPECT_ERROR(client.chat({}), ErrorCode::kCancelled, "");
}

}  // namespace
}  // namespace aicoder
