// BLEU and chrF against sacrebleu itself; the others by hand.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "aicoder/core.h"
#include "aicoder/text.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

using nlohmann::json;

/// Lines of the sample in two languages, and what breaks naive tokenizers.
std::vector<std::string> lines() {
  std::vector<std::string> all;
  std::ifstream in(std::string(AICODER_SOURCE_DIR) + "/tests/data/language/v1/sample.jsonl");
  for (std::string line; std::getline(in, line);) all.push_back(json::parse(line)["text"]);
  for (const char* odd : {"", " ", "It costs $1,234.50 (about 3-4 %)!", "a-\nb &amp; &lt;x&gt; &quot;y&quot; <skipped>",
                          "\"Don't,\" he said... 3.14, x.y 5-6", "①②③ 2,000원 — “네?” … ~!@#", "e\u0301 ｆｕｌｌ　width、です。",
                          "\xff broken \xc0\xaf utf8", "....", "1.2.3,4,5"}) {
    all.emplace_back(odd);
  }
  return all;
}

/// The text with some words dropped, doubled or changed: what a hypothesis looks like.
std::string shaken(const std::string& text, std::mt19937& random) {
  std::string out, word;
  std::istringstream in(text);
  while (in >> word) {
    const auto dice = random() % 10;
    if (dice == 0) continue;
    if (dice == 1) word += " " + word;
    if (dice == 2) word = "x" + word.substr(word.size() / 2);
    out += (out.empty() ? "" : " ") + word;
  }
  return to_valid_utf8(out);
}

TEST(Overlap, BleuAndChrfAreSacrebleusOnAThousandPairsInTwoLanguages) {
  ASSERT_STRNE(AICODER_TEST_PYTHON, "") << "make test";
  std::mt19937 random(3);
  const auto all = lines();
  json cases = json::array();
  for (size_t i = 0; i < 1020; ++i) {
    std::vector<std::string> hypotheses;
    std::vector<std::vector<std::string>> references;
    const size_t n = i % 17 == 0 ? 1 + random() % 6 : 1, n_references = 1 + random() % 2;
    for (size_t k = 0; k < n; ++k) {
      const std::string source = to_valid_utf8(all[random() % all.size()]);
      hypotheses.push_back(random() % 8 == 0 ? to_valid_utf8(all[random() % all.size()]) : shaken(source, random));
      references.push_back({source});
      if (n_references == 2) references.back().push_back(shaken(source, random));
    }
    json one = {{"hypotheses", hypotheses}, {"references", references}, {"chrf", corpus_chrf(hypotheses, references)}};
    for (const Tokenizer tokenizer : {Tokenizer::k13a, Tokenizer::kIntl, Tokenizer::kChar}) {
      const std::string name(to_string(tokenizer));
      for (const size_t order : {1U, 2U, 4U}) {
        one["bleu"][name].push_back(corpus_bleu(hypotheses, references, {.tokenizer = tokenizer, .max_order = order}));
      }
      one["sentence"][name] = corpus_bleu(hypotheses, references, {.tokenizer = tokenizer, .effective_order = true});
    }
    cases.push_back(std::move(one));
  }
  const test::TempDir dir;
  std::ofstream(dir / "cases.json") << json{{"cases", cases}}.dump();
  const auto result = run_host_process(
      {.argv = {AICODER_TEST_PYTHON, AICODER_SOURCE_DIR "/tests/text/sacrebleu_oracle.py", (dir / "cases.json").string()}});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("1020 cases, 0 differences"), std::string::npos) << result.out;
}

TEST(Overlap, BadSegmentsAreRefused) {
  const std::vector<std::string> one = {"a"};
  const std::vector<std::vector<std::string>> none, empty = {{}}, fine = {{"a"}};
  EXPECT_ERROR(corpus_bleu({}, none, {}), ErrorCode::kInvalidArgument, "at least one text");
  EXPECT_ERROR(corpus_bleu(one, none, {}), ErrorCode::kInvalidArgument, "0 for 1");
  EXPECT_ERROR(corpus_chrf(one, empty), ErrorCode::kInvalidArgument, "text 1 has no reference");
  EXPECT_ERROR(corpus_bleu(one, fine, {.max_order = 0}), ErrorCode::kInvalidArgument, "max_order");
  EXPECT_ERROR(parse_tokenizer("ja-mecab"), ErrorCode::kInvalidArgument, "13a, intl or char");
}

TEST(Overlap, RougeLIsTheLongestCommonSubsequence) {
  // Lin 2004, section 3.1: "police killed the gunman" against "police kill the gunman" shares 3 of 4 words in order.
  EXPECT_DOUBLE_EQ(rouge_l("police kill the gunman", "police killed the gunman"), 0.75);
  EXPECT_DOUBLE_EQ(rouge_l("the gunman kill police", "police killed the gunman"), 0.5);
  EXPECT_DOUBLE_EQ(rouge_l("a b", "a b"), 1);
  EXPECT_DOUBLE_EQ(rouge_l("", "a"), 0);
  EXPECT_DOUBLE_EQ(rouge_l("x", "a"), 0);
}

TEST(Overlap, DistinctNCountsDifferentNGrams) {
  const std::vector<std::string> texts = {"a b a b", "a b"};
  EXPECT_DOUBLE_EQ(distinct_n(texts, 1), 2.0 / 6);
  EXPECT_DOUBLE_EQ(distinct_n(texts, 2), 2.0 / 4) << "no n-gram goes from one text into the next";
  EXPECT_DOUBLE_EQ(distinct_n(texts, 5), 0);
  EXPECT_ERROR(distinct_n(texts, 0), ErrorCode::kInvalidArgument, "n is 0");
}

TEST(Overlap, SelfBleuIsOneForCopiesAndLowForOthers) {
  const std::vector<std::string> same = {"one two three four", "one two three four"},
                                 other = {"one two three four", "five six seven eight"};
  EXPECT_DOUBLE_EQ(self_bleu(same), 1);
  EXPECT_DOUBLE_EQ(self_bleu(other), 0);
  EXPECT_ERROR(self_bleu(std::span(same).first(1)), ErrorCode::kInvalidArgument, "at least two");
}

}  // namespace
}  // namespace aicoder
