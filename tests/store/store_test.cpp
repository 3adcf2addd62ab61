#include <gtest/gtest.h>

#include "store/model_lock.h"
#include "store/store_fixture.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {

namespace fs = std::filesystem;

class ModelStoreTest : public test::StoreTest {
 protected:
  void place(const std::string& file, const std::string& content) {
    fs::create_directories(models());
    write_file_atomic(models() / file, content);
  }
};

TEST_F(ModelStoreTest, ResolveFindsOwnModelsPathsAndNothingElse) {
  const std::string content = model_bytes();
  const auto store = this->store({url_entry(content)});
  EXPECT_ERROR((void)store.resolve("m"), ErrorCode::kNotFound, "'m' is not on this machine");
  place("m.gguf", content);
  place("mine.gguf", content);
  write_file_atomic(dir_ / "elsewhere.gguf", content);
  EXPECT_EQ(store.resolve("m"), models() / "m.gguf");
  EXPECT_EQ(store.resolve("mine"), models() / "mine.gguf");
  EXPECT_EQ(store.resolve((dir_ / "elsewhere.gguf").string()), dir_ / "elsewhere.gguf");
  EXPECT_ERROR((void)store.resolve((dir_ / "nowhere.gguf").string()), ErrorCode::kNotFound, "no file");
  EXPECT_ERROR((void)store.resolve(dir_.path().string()), ErrorCode::kNotFound, "");
  EXPECT_ERROR((void)store.resolve("unknown-name"), ErrorCode::kNotFound, "no model 'unknown-name'");
  EXPECT_ERROR((void)store.resolve(""), ErrorCode::kNotFound, "no model ''");
}

TEST_F(ModelStoreTest, MissingCatalogModelNamesThePullCommand) {
  try {
    (void)store({url_entry(model_bytes())}).resolve("m");
    FAIL() << "resolved";
  } catch (const Error& error) {
    EXPECT_EQ(error.fix(), "aicoder pull m");
  }
}

TEST_F(ModelStoreTest, InstalledListsOwnFilesWithSizeAndLicence) {
  const std::string content = model_bytes();
  place("zeta.gguf", content);
  place("m.gguf", content);
  place("notes.txt", "not a model");
  const auto list = store({url_entry(content)}).installed();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].name, "m");
  EXPECT_EQ(list[0].licence, "MIT") << "from the catalog";
  EXPECT_EQ(list[1].name, "zeta");
  EXPECT_EQ(list[1].licence, "mit") << "from the file";
  EXPECT_EQ(list[1].bytes, content.size());
}

TEST_F(ModelStoreTest, NothingInstalledIsAnEmptyList) { EXPECT_TRUE(store({}).installed().empty()); }

TEST_F(ModelStoreTest, OllamaModelsAreUsedInPlace) {
  const std::string content = model_bytes();
  const std::string digest = sha256_hex(content);
  fs::create_directories(dir_ / "ollama/blobs");
  write_file_atomic(dir_ / ("ollama/blobs/sha256-" + digest), content);
  const auto manifest = [&](const std::string& where, const std::string& text) {
    fs::create_directories((dir_ / ("ollama/manifests/" + where)).parent_path());
    write_file_atomic(dir_ / ("ollama/manifests/" + where), text);
  };
  const std::string good = R"({"schemaVersion":2,"layers":[{"mediaType":"application/vnd.ollama.image.template","digest":"sha256:00"},
      {"mediaType":"application/vnd.ollama.image.model","digest":"sha256:)" +
                           digest + R"("}]})";
  manifest("registry.ollama.ai/library/coder/7b", good);
  manifest("registry.ollama.ai/someone/coder/latest", good);
  manifest("registry.ollama.ai/library/broken/1", "{ not json");
  manifest("registry.ollama.ai/library/empty/1", "{}");
  manifest("registry.ollama.ai/library/deep/1", std::string(100'000, '['));
  manifest("registry.ollama.ai/library/gone/1",
           R"({"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:)" + std::string(64, '0') + R"("}]})");
  manifest("registry.ollama.ai/library/escape/1",
           R"({"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:../../../../etc/passwd"}]})");

  const auto store = this->store({});
  std::vector<std::string> names;
  for (const auto& model : store.installed()) names.push_back(model.name);
  EXPECT_EQ(names, (std::vector<std::string>{"ollama:coder:7b", "ollama:someone/coder:latest"}));
  EXPECT_EQ(store.resolve("ollama:coder:7b"), dir_ / ("ollama/blobs/sha256-" + digest));
  EXPECT_ERROR((void)store.resolve("ollama:coder:8b"), ErrorCode::kNotFound, "no model 'ollama:coder:8b'");
}

TEST_F(ModelStoreTest, HubCacheModelsAreUsedInPlace) {
  const std::string content = model_bytes();
  const auto repository = dir_.path() / "hub/models--Org--Some-Model-GGUF";
  for (const char* folder : {"blobs", "refs", "snapshots/aaa", "snapshots/bbb"}) fs::create_directories(repository / folder);
  write_file_atomic(repository / "refs/main", "bbb");
  write_file_atomic(repository / "blobs/1", content);
  fs::create_symlink("../../blobs/1", repository / "snapshots/aaa/model-q4.gguf");
  fs::create_symlink("../../blobs/1", repository / "snapshots/bbb/model-q4.gguf");
  fs::create_symlink("../../blobs/1", repository / "snapshots/bbb/model-q8-00001-of-00002.gguf");
  fs::create_symlink("../../blobs/2", repository / "snapshots/bbb/dangling.gguf");
  write_file_atomic(repository / "snapshots/bbb/fake.gguf", "no model");

  const auto store = this->store({});
  const auto list = store.installed();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].name, "hub:Org/Some-Model-GGUF/model-q4.gguf");
  EXPECT_EQ(list[0].path, repository / "snapshots/bbb/model-q4.gguf") << "the revision that refs/main names";
  EXPECT_EQ(list[0].bytes, content.size());
  EXPECT_EQ(store.resolve(list[0].name), list[0].path);
}

TEST_F(ModelStoreTest, RemoveFreesTheFileAndItsHash) {
  place("m.gguf", model_bytes());
  place("m.gguf.sha256", "hash  m.gguf\n");
  const auto store = this->store({});
  EXPECT_EQ(store.remove("m"), model_bytes().size());
  EXPECT_FALSE(fs::exists(models() / "m.gguf"));
  EXPECT_FALSE(fs::exists(models() / "m.gguf.sha256"));
  EXPECT_ERROR((void)store.remove("m"), ErrorCode::kNotFound, "no model 'm'");
}

TEST_F(ModelStoreTest, RemoveRefusesWhatIsNotOurs) {
  write_file_atomic(dir_ / "precious.gguf", "x");
  const auto store = this->store({});
  EXPECT_ERROR((void)store.remove("ollama:coder:7b"), ErrorCode::kInvalidArgument, "belongs to another program");
  EXPECT_ERROR((void)store.remove("hub:Org/M/x.gguf"), ErrorCode::kInvalidArgument, "belongs to another program");
  EXPECT_ERROR((void)store.remove((dir_ / "precious").string()), ErrorCode::kInvalidArgument, "not the name of a model");
  EXPECT_ERROR((void)store.remove("../../precious"), ErrorCode::kInvalidArgument, "not the name of a model");
  EXPECT_ERROR((void)store.remove(".."), ErrorCode::kInvalidArgument, "not the name of a model");
  EXPECT_TRUE(fs::exists(dir_ / "precious.gguf"));
}

TEST_F(ModelStoreTest, RemoveAndPruneLeaveARunningPullAlone) {
  place("m.gguf", model_bytes());
  fs::create_directories(parts());
  write_file_atomic(parts() / "half.download", std::string(100, 'x'));
  fs::create_directories(models() / ".parts/other");
  write_file_atomic(models() / ".parts/other/half.download", std::string(40, 'x'));
  const auto store = this->store({});
  {
    const auto held = store::ModelLock::try_for(models() / ".locks/m.lock");
    ASSERT_TRUE(held);
    EXPECT_ERROR((void)store.remove("m"), ErrorCode::kFailedPrecondition, "is being pulled");
    EXPECT_EQ(store.prune(), 40u);
    EXPECT_TRUE(fs::exists(parts() / "half.download"));
  }
  EXPECT_EQ(store.prune(), 100u);
  EXPECT_EQ(store.prune(), 0u);
  EXPECT_TRUE(fs::exists(models() / "m.gguf")) << "prune takes left-overs only";
}

}  // namespace
}  // namespace aicoder
