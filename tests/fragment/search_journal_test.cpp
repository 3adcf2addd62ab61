#include "fragment/search_journal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder::fragment {
namespace {

const SearchJournal::Settings kSettings = {{"seed", "1"}, {"method", "spsa"}};
const std::vector<double> kValues = {0.1, -1.0 / 3, 1e-300, std::numeric_limits<double>::quiet_NaN(), 5};

class SearchJournalTest : public testing::Test {
 protected:
  /// Asks for all values and counts those that had to be measured. \param stop_after  the process ends there
  size_t run(size_t stop_after = SIZE_MAX, const SearchJournal::Settings& settings = kSettings, bool fresh = false) {
    SearchJournal journal(path_, settings, fresh);
    size_t measured = 0;
    got_.clear();
    for (size_t i = 0; i < kValues.size() && i < stop_after; ++i) {
      const auto measure = [&] {
        ++measured;
        return kValues[i];
      };
      got_.push_back(journal.value("batch " + std::to_string(i), std::vector{0.1 * static_cast<double>(i), 0.5}, measure));
    }
    EXPECT_EQ(journal.n_replayed() + measured, got_.size());
    return measured;
  }
  void expect_all() const {
    ASSERT_EQ(got_.size(), kValues.size());
    for (size_t i = 0; i < got_.size(); ++i) {
      EXPECT_TRUE(got_[i] == kValues[i] || (std::isnan(got_[i]) && std::isnan(kValues[i]))) << i;
    }
  }

  test::TempDir dir_;
  std::filesystem::path path_ = dir_ / "x.gguf.search.jsonl";
  std::vector<double> got_;
};

TEST_F(SearchJournalTest, GivesBackWhatWasMeasured) {
  EXPECT_EQ(run(3), 3u);
  EXPECT_EQ(run(), 2u);
  expect_all();
  const std::string whole = read_file(path_);
  EXPECT_EQ(run(), 0u);
  expect_all();
  EXPECT_EQ(read_file(path_), whole);
}

TEST_F(SearchJournalTest, GoesOnFromWhateverAKillLeft) {
  run();
  const std::string whole = read_file(path_);
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    write_file_atomic(path_, whole.substr(0, cut));
    const auto lines = static_cast<size_t>(std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut), '\n'));
    EXPECT_EQ(run(), kValues.size() - (lines > 0 ? lines - 1 : 0)) << cut;
    expect_all();
    ASSERT_EQ(read_file(path_), whole) << cut;
  }
}

TEST_F(SearchJournalTest, FreshForgets) {
  run();
  EXPECT_EQ(run(2, kSettings, true), 2u);
  EXPECT_EQ(run(), 3u);
  EXPECT_EQ(run(1, {{"seed", "2"}, {"method", "spsa"}}, true), 1u);
}

TEST_F(SearchJournalTest, AnEmptyPathKeepsNothing) {
  path_.clear();
  EXPECT_EQ(run(), kValues.size());
  EXPECT_EQ(run(), kValues.size());
}

TEST_F(SearchJournalTest, RefusesOtherSettingsByName) {
  run();
  EXPECT_ERROR(run(1, {{"seed", "2"}, {"method", "spsa"}}), ErrorCode::kInvalidArgument, "seed \"1\", this one has \"2\"");
  EXPECT_ERROR(run(1, {{"seed", "1"}}), ErrorCode::kInvalidArgument, "method \"spsa\", this one has not set");
  EXPECT_EQ(run(), 0u) << "a refusal changes nothing";
}

TEST_F(SearchJournalTest, RefusesASecondWriter) {
  const SearchJournal first(path_, kSettings, false);
  EXPECT_ERROR(run(), ErrorCode::kFailedPrecondition, "another search writes");
}

TEST_F(SearchJournalTest, RefusesFilesOfOthersAndLeavesThem) {
  for (const std::string text : {"my notes", "my notes\n", "{\"text\":1}\n"}) {
    write_file_atomic(path_, text);
    for (const bool fresh : {false, true}) {
      EXPECT_ERROR(run(SIZE_MAX, kSettings, fresh), ErrorCode::kFailedPrecondition, "no journal");
      EXPECT_EQ(read_file(path_), text);
    }
  }
  write_file_atomic(path_, "{\"aicoder\":\"9\",\"format\":2,\"settings\":{}}\n");
  EXPECT_ERROR(run(), ErrorCode::kFailedPrecondition, "format 1");
}

TEST_F(SearchJournalTest, RefusesBrokenLinesAndAnotherWalk) {
  run();
  const std::string whole = read_file(path_);
  const auto with_third_line = [&](const std::string& line) {
    const size_t begin = whole.find('\n', whole.find('\n') + 1) + 1;
    write_file_atomic(path_, whole.substr(0, begin) + line + whole.substr(whole.find('\n', begin)));
  };
  for (const char* line : {"", "{}", "[1]", "{\"what\":\"batch 1\"", "{\"what\":1,\"point\":\"a\",\"value\":2}",
                           "{\"what\":\"a\",\"point\":\"a\",\"value\":\"x\"}"}) {
    SCOPED_TRACE(line);
    with_third_line(line);
    EXPECT_ERROR(run(), ErrorCode::kDataLoss, "line 3");
  }
  with_third_line(R"({"point":"0123456789abcdef","value":1,"what":"batch 1"})");
  EXPECT_ERROR(run(), ErrorCode::kDataLoss, "measured batch 1 at 0123456789abcdef");
  with_third_line(R"({"point":"0123456789abcdef","value":1,"what":"kl"})");
  EXPECT_ERROR(run(), ErrorCode::kDataLoss, "measured kl");
}

}  // namespace
}  // namespace aicoder::fragment
