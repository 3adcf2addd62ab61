#include "rag/search_terms.h"

#include <gtest/gtest.h>

namespace aicoder::rag {
namespace {

using Terms = std::vector<std::string>;

TEST(SearchTerms, IdentifiersGiveTheWholeAndTheirParts) {
  EXPECT_EQ(search_terms("readFile(x)"), (Terms{"readfile", "read", "file", "x"}));
  EXPECT_EQ(search_terms("read_file"), (Terms{"read_file", "read", "file"}));
  EXPECT_EQ(search_terms("HTTPServer2"), (Terms{"httpserver2", "http", "server", "2"}));
  EXPECT_EQ(search_terms("__init__ __"), (Terms{"__init__", "init"}));
  EXPECT_EQ(search_terms("a-b, C."), (Terms{"a", "b", "c"}));
}

TEST(SearchTerms, HangulGivesPairsOfSyllables) {
  EXPECT_EQ(search_terms("검색기를"), (Terms{"검색", "색기", "기를"}));
  EXPECT_EQ(search_terms("검색"), (Terms{"검색"}));
  EXPECT_EQ(search_terms("값 x"), (Terms{"값", "x"}));
  EXPECT_EQ(search_terms("파일read쓰기"), (Terms{"파일", "read", "쓰기"}));
}

TEST(SearchTerms, OtherAlphabetsAreWordsAndOtherSignsSeparate) {
  EXPECT_EQ(search_terms("\xC3\xA9t\xC3\xA9 \xE2\x80\x94 x"), (Terms{"\xC3\xA9t\xC3\xA9", "x"}));
  EXPECT_EQ(search_terms("a\xFF"
                         "b"),
            (Terms{"a", "b"}))
      << "ill-formed";
  EXPECT_TRUE(search_terms("\xF0\x9F\x98\x80 !?").empty());
}

TEST(Identifiers, AreWordsThatLookLikeThem) {
  EXPECT_EQ(identifiers("where is readFile or read_file2 in the code"), (Terms{"readfile", "read_file2"}));
  EXPECT_TRUE(identifiers("only words").empty());
}

TEST(MatchAny, QuotesAndDropsRepetitions) {
  EXPECT_EQ(match_any({"or", "a", "or"}), "\"or\" OR \"a\"");
  EXPECT_EQ(match_any({}), "");
}

}  // namespace
}  // namespace aicoder::rag
