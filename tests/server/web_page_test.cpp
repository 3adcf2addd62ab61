#include "server/web_page.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <regex>
#include <set>

#include "aicoder/server.h"

namespace aicoder::server {
namespace {

std::string_view file(std::string_view path) {
  for (const auto& one : web_files()) {
    if (one.path == path) return one.content;
  }
  ADD_FAILURE() << "no file " << path;
  return {};
}

std::set<std::string> all(std::string_view text, const std::string& pattern) {
  const std::string copy(text);
  const std::regex regex(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator it(copy.begin(), copy.end(), regex), end; it != end; ++it) found.insert((*it)[1]);
  return found;
}

TEST(WebPage, HoldsNothingFromElsewhereAndNothingInline) {
  for (const auto& one : web_files()) {
    EXPECT_FALSE(one.content.empty()) << one.path;
    EXPECT_EQ(one.content.find("https://"), std::string_view::npos) << one.path;
    for (const auto& link : all(one.content, "(http://[^'\" ]*)")) EXPECT_EQ(link, "http://www.w3.org/2000/svg") << one.path;
    EXPECT_EQ(one.content.find("innerHTML"), std::string_view::npos) << one.path << ": what a model says must not become an element";
  }
  EXPECT_TRUE(all(file("/"), "<script([^>]*)>[^<]").empty());
  EXPECT_TRUE(all(file("/"), " (on[a-z]+)=").empty());
}

TEST(WebPage, EveryFileAPageAsksForIsThere) {
  for (const auto& one : web_files()) {
    for (const auto& path : all(one.content, "(?:from '|href=\"|src=\")(/[^'\"]*)"))
      EXPECT_TRUE(is_web_page(path)) << one.path << " asks for " << path;
  }
  EXPECT_TRUE(is_web_page("/"));
  EXPECT_FALSE(is_web_page("/v1/models"));
}

TEST(WebPage, EveryRouteItCallsExists) {
  std::set<std::string> routes;
  for (const auto& route : server_routes()) routes.insert(std::string(route.path).substr(0, route.path.find("/{")));
  for (const auto& one : web_files()) {
    for (const auto& path : all(one.content, "['`](/(?:v1/[a-z/]*[a-z]|metrics|health))"))
      EXPECT_TRUE(routes.contains(path)) << one.path << " calls " << path;
  }
}

TEST(WebPage, SaysEverythingInBothLanguages) {
  const std::string texts(file("/ui/text.js"));
  const size_t korean = texts.find("\n  ko: {");
  ASSERT_NE(korean, std::string::npos);
  const std::string key = "[ {]([a-z_]+): '";
  const auto english_keys = all(texts.substr(0, korean), key),
             korean_keys = all(texts.substr(korean, texts.find("\n  },", korean) - korean), key);
  EXPECT_GT(english_keys.size(), 50u);
  EXPECT_EQ(english_keys, korean_keys);
  for (const auto& one : web_files()) {
    for (const auto& used : all(one.content, "[^a-z]t\\('([a-z_]+)'[,)]"))
      EXPECT_TRUE(english_keys.contains(used)) << one.path << " says " << used;
    for (const auto& used : all(one.content, "data-text=\"([a-z_]+)\"")) EXPECT_TRUE(english_keys.contains(used)) << used;
  }
  for (const auto value : {Standing::kNotJudged, Standing::kHelps, Standing::kNoDifference, Standing::kMixed, Standing::kHarms}) {
    std::string name = "standing_" + std::string(to_string(value));
    std::ranges::replace(name, ' ', '_');
    EXPECT_TRUE(english_keys.contains(name)) << name;
  }
}

}  // namespace
}  // namespace aicoder::server
