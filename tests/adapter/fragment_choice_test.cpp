#include <gtest/gtest.h>

#include "aicoder/adapter.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

TEST(ParseFragmentChoice, NameAloneHasNoStrength) {
  const auto choice = parse_fragment_choice("coder");
  EXPECT_EQ(choice.name, "coder");
  EXPECT_FALSE(choice.strength.has_value());
}

TEST(ParseFragmentChoice, StrengthFollowsTheLastColon) {
  EXPECT_EQ(parse_fragment_choice("coder:0.3").strength, 0.3f);
  EXPECT_EQ(parse_fragment_choice("coder:-8").strength, -8.0f);
  EXPECT_EQ(parse_fragment_choice("coder:+1").strength, 1.0f);
  const auto path = parse_fragment_choice("./dir:1/f.gguf:0");
  EXPECT_EQ(path.name, "./dir:1/f.gguf");
  EXPECT_EQ(path.strength, 0.0f);
}

TEST(ParseFragmentChoice, RefusesWhatIsNoStrength) {
  for (const char* text :
       {"coder:", "coder:x", "coder:0.3x", "coder:nan", "coder:inf", "coder:8.1", "coder:-9", "coder:1e99", "coder:+", "coder: 1"}) {
    EXPECT_ERROR(parse_fragment_choice(text), ErrorCode::kInvalidArgument, "strength");
  }
  EXPECT_ERROR(parse_fragment_choice(""), ErrorCode::kInvalidArgument, "name");
  EXPECT_ERROR(parse_fragment_choice(":0.3"), ErrorCode::kInvalidArgument, "name");
}

}  // namespace
}  // namespace aicoder
