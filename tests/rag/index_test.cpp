#include <gtest/gtest.h>

#include "aicoder/rag.h"
#include "rag/fake_embedder.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder {
namespace {
namespace fs = std::filesystem;

class Index : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(project());
    write("store.py", "def delete_row(table, key):\n    table.pop(key)\n\n\ndef read_config(path):\n    return open(path).read()\n");
    write("web.py", "class TokenChecker:\n    def check(self, token):\n        return token in self.known\n");
    write("README.md", "# Install\n\nRun the installer and restart the automobile.\n");
  }
  fs::path project() const { return dir_ / "project"; }
  fs::path file() const { return dir_ / "index.sqlite"; }
  void write(const std::string& name, const std::string& text) { write_file_atomic(project() / name, text); }
  static std::string first(RagIndex& index, std::string_view query, RetrievalMode mode = RetrievalMode::kFused) {
    const auto hits = index.search(query, 1, mode);
    return hits.empty() ? "" : hits[0].path + ":" + hits[0].name;
  }
  test::TempDir dir_;
};

TEST_F(Index, FindsByWordsPartsOfIdentifiersAndTheirMiddle) {
  RagIndex index(file(), nullptr);
  const RagUpdate update = index.update(project());
  EXPECT_EQ(update.files, 3U);
  EXPECT_EQ(update.added, 3U);
  EXPECT_EQ(update.chunks, index.n_chunks());
  EXPECT_EQ(first(index, "where is the config read?"), "store.py:read_config");
  EXPECT_EQ(first(index, "checker of a token"), "web.py:TokenChecker");
  EXPECT_EQ(first(index, "how do I install it"), "README.md:Install");
  EXPECT_EQ(first(index, "okenCheck"), "web.py:TokenChecker") << "by trigrams, for no word is like it";
  EXPECT_EQ(index.search("xylophone", 3).size(), 0U);
  const auto hits = index.search("delete row", 5);
  ASSERT_FALSE(hits.empty());
  EXPECT_EQ(hits[0].line, 1U);
  EXPECT_NE(hits[0].text.find("table.pop"), std::string::npos);
  for (size_t i = 1; i < hits.size(); ++i) EXPECT_GE(hits[i - 1].score, hits[i].score);
}

TEST_F(Index, WhatIsSyntaxElsewhereIsTextHere) {
  RagIndex index(file(), nullptr);
  index.update(project());
  for (const char* query : {"\"", "a OR", "NEAR(", "col:x", "*", "'; DROP TABLE chunk; --", "", "\xFF", "AND NOT token"}) {
    EXPECT_NO_THROW(index.search(query, 3)) << query;
  }
  EXPECT_EQ(first(index, "token NOT known AND"), "web.py:TokenChecker");
}

TEST_F(Index, OnlyWhatChangedIsReadAgain) {
  test::FakeEmbedder embedder;
  RagIndex index(file(), &embedder);
  index.update(project());
  const int calls = embedder.calls;
  EXPECT_GT(calls, 0);
  RagUpdate update = index.update(project());
  EXPECT_EQ(update.added + update.changed + update.removed, 0U);
  EXPECT_EQ(embedder.calls, calls);

  write("web.py", "def greet():\n    return 'hello'\n");
  fs::remove(project() / "README.md");
  write("new.py", "def fresh_thing():\n    pass\n");
  update = index.update(project());
  EXPECT_EQ(update.added, 1U);
  EXPECT_EQ(update.changed, 1U);
  EXPECT_EQ(update.removed, 1U);
  EXPECT_EQ(update.files, 3U);
  EXPECT_EQ(first(index, "TokenChecker", RetrievalMode::kWords), "") << "the old text is forgotten";
  EXPECT_EQ(first(index, "automobile", RetrievalMode::kWords), "");
  EXPECT_EQ(first(index, "greet", RetrievalMode::kWords), "web.py:greet");
  EXPECT_EQ(first(index, "fresh_thing"), "new.py:fresh_thing");

  // Touched, not changed: the content decides.
  fs::last_write_time(project() / "new.py", fs::file_time_type::clock::now() + std::chrono::hours(1));
  const int before = embedder.calls;
  EXPECT_EQ(index.update(project()).changed, 0U);
  EXPECT_EQ(embedder.calls, before);
}

TEST_F(Index, AnUpdatedIndexIsTheOneMadeAnew) {
  RagIndex updated(file(), nullptr);
  updated.update(project());
  write("store.py", "def other():\n    return 1\n");
  updated.update(project());
  RagIndex fresh(dir_ / "fresh.sqlite", nullptr);
  fresh.update(project());
  EXPECT_EQ(updated.n_chunks(), fresh.n_chunks());
  for (const char* query : {"other", "token", "install", "delete row"}) {
    const auto a = updated.search(query, 10), b = fresh.search(query, 10);
    ASSERT_EQ(a.size(), b.size()) << query;
    for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].text, b[i].text) << query;
  }
}

TEST_F(Index, VectorsFindWhatWordsDoNot) {
  test::FakeEmbedder embedder;
  RagIndex index(file(), &embedder);
  index.update(project());
  EXPECT_EQ(first(index, "car", RetrievalMode::kWords), "");
  EXPECT_EQ(first(index, "car", RetrievalMode::kVectors), "README.md:Install");
  EXPECT_EQ(first(index, "car", RetrievalMode::kFused), "README.md:Install");
  EXPECT_EQ(first(index, "erase row"), "store.py:delete_row");
}

TEST_F(Index, AnotherEmbeddingModelIsRefused) {
  test::FakeEmbedder one("fake:1"), two("fake:2");
  {
    RagIndex index(file(), &one);
  }
  EXPECT_NO_THROW(RagIndex(file(), &one));
  EXPECT_ERROR(RagIndex(file(), &two), ErrorCode::kFailedPrecondition, "was made with embedding model fake:1, found fake:2");
  EXPECT_ERROR(RagIndex(file(), nullptr), ErrorCode::kFailedPrecondition, "found none");
}

TEST_F(Index, RefusesWhatIsNoIndexAndWhatCannotBeAnswered) {
  write_file_atomic(dir_ / "text.sqlite", std::string(5000, 'x'));
  EXPECT_ERROR(RagIndex(dir_ / "text.sqlite", nullptr), ErrorCode::kDataLoss, "[rag]");
  EXPECT_ERROR(RagIndex(dir_ / "no/such/folder/index.sqlite", nullptr), ErrorCode::kPermissionDenied, "[rag]");
  RagIndex index(file(), nullptr);
  EXPECT_ERROR(index.search("x", 0), ErrorCode::kInvalidArgument, "at least 1");
  EXPECT_ERROR(index.search("x", 1, RetrievalMode::kVectors), ErrorCode::kInvalidArgument, "no vectors");
  EXPECT_ERROR(index.update(dir_ / "nowhere"), ErrorCode::kNotFound, "nowhere");
}

TEST_F(Index, StoppedInTheMiddleItIsTheIndexOfWholeFiles) {
  for (int i = 0; i < 20; ++i) write("f" + std::to_string(i) + ".py", "def number_" + std::to_string(i) + "():\n    pass\n");
  std::stop_source stop;
  RagIndex index(file(), nullptr);
  RagUpdateOptions options;
  options.stop = stop.get_token();
  options.progress = [&](const Progress& p) {
    if (p.done >= 7) stop.request_stop();
  };
  EXPECT_THROW(index.update(project(), options), Error);
  EXPECT_GT(index.n_files(), 0U);
  EXPECT_LT(index.n_files(), 23U);
  EXPECT_EQ(index.update(project()).files, 23U);
}

TEST_F(Index, ChunksFromElsewhereAreReplacedByPath) {
  RagIndex index(file(), nullptr);
  index.put("task/1", std::vector<Chunk>{{"task/1", 1, "", "reverse a list"}});
  index.put("task/1", std::vector<Chunk>{{"task/1", 1, "", "sort a tuple"}});
  EXPECT_EQ(index.n_chunks(), 1U);
  EXPECT_TRUE(index.search("reverse", 1).empty());
  index.update(project());
  EXPECT_EQ(first(index, "sort a tuple"), "task/1:") << "an update of a folder leaves them alone";
}

TEST_F(Index, BinaryFilesAreLeftOut) {
  write("data.bin", std::string("a\0b", 3));
  write("latin.txt", "caf\xE9");
  RagIndex index(file(), nullptr);
  EXPECT_EQ(index.update(project()).files, 3U);
}

}  // namespace
}  // namespace aicoder
