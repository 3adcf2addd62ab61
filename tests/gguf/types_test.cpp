#include <ggml.h>
#include <gtest/gtest.h>

#include "aicoder/gguf.h"

namespace aicoder {
namespace {

TEST(GgufTypes, EveryTypeHasTheSizesAndTheNameThatGgmlGivesIt) {
  int known = 0;
  for (uint32_t type = 0; type < GGML_TYPE_COUNT; ++type) {
    const auto* traits = ggml_get_type_traits(static_cast<ggml_type>(type));
    const bool in_use = traits->type_size > 0 && traits->blck_size > 0;
    const auto info = gguf_type_info(type);
    ASSERT_EQ(info.has_value(), in_use) << "type " << type;
    if (!in_use) continue;
    ++known;
    EXPECT_EQ(info->block_values, static_cast<size_t>(traits->blck_size)) << info->name;
    EXPECT_EQ(info->block_bytes, traits->type_size) << info->name;
    std::string name(info->name), ggml_name(traits->type_name);
    for (auto* text : {&name, &ggml_name}) {
      for (char& c : *text) c = static_cast<char>(std::tolower(c));
    }
    EXPECT_EQ(name, ggml_name);
  }
  EXPECT_GT(known, 30);
}

TEST(GgufTypes, UnknownNumbersHaveNoInfo) {
  EXPECT_FALSE(gguf_type_info(4));  // Q4_2, removed long ago
  EXPECT_FALSE(gguf_type_info(GGML_TYPE_COUNT));
  EXPECT_FALSE(gguf_type_info(UINT32_MAX));
}

TEST(GgufTypes, ValuesIsTheProductOfTheShape) {
  GgufTensor tensor;
  tensor.ne = {256, 3, 2};
  EXPECT_EQ(tensor.values(), 1536u);
}

}  // namespace
}  // namespace aicoder
