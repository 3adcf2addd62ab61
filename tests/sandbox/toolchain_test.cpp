#include "sandbox/toolchain.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "support/test_model.h"

namespace aicoder::box {
namespace {
namespace fs = std::filesystem;

/// A home folder and a PATH of our making; the old ones come back at scope end.
class Toolchains : public testing::Test {
 public:
  Toolchains() : path_(variable("PATH")), home_(variable("HOME")) { ::setenv("HOME", (root_ / "home").c_str(), 1); }
  ~Toolchains() override {
    ::setenv("PATH", path_.c_str(), 1);
    ::setenv("HOME", home_.c_str(), 1);
  }

 protected:
  static std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  }
  fs::path program(const std::string& place, const std::string& script = "#!/bin/sh\nexit 1\n") {
    const fs::path path = root_ / place;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << script;
    ::chmod(path.c_str(), 0755);
    return path;
  }
  void search_in(const std::string& folder) { ::setenv("PATH", (root_.path() / folder).c_str(), 1); }

  test::TempDir root_;
  std::string path_, home_;
};

TEST_F(Toolchains, WhatTheSystemHasNeedsNothing) {
  program("home/bin/sh");
  search_in("home/bin");
  EXPECT_FALSE(find_toolchain("sh", {}));
  EXPECT_FALSE(find_toolchain("/some/path", {}));
  EXPECT_FALSE(find_toolchain("no-such-program-anywhere", {}));
}

TEST_F(Toolchains, APrefixBelowAHomeIsShownAlone) {
  program("home/tools/zig-1/bin/zig-test");
  search_in("home/tools/zig-1/bin");
  const auto found = find_toolchain("zig-test", {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->prefix, fs::canonical(root_ / "home/tools/zig-1"));
}

TEST_F(Toolchains, LinksLeadToTheRealPlace) {
  const fs::path real = program("home/tools/zig-1/bin/zig-test");
  fs::create_directories(root_ / "home/bin");
  fs::create_symlink(real, root_ / "home/bin/zig-test");
  search_in("home/bin");
  const auto found = find_toolchain("zig-test", {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->prefix, fs::canonical(root_ / "home/tools/zig-1"));
}

TEST_F(Toolchains, TheHomeFolderItselfIsNeverShown) {
  program("home/bin/zig-test");  // the prefix would be the home folder
  search_in("home/bin");
  EXPECT_FALSE(find_toolchain("zig-test", {}));
  program("bin/zig-test");  // and here the folder above it
  search_in("bin");
  EXPECT_FALSE(find_toolchain("zig-test", {}));
}

TEST_F(Toolchains, APythonShimIsAskedForItsRealPrefix) {
  const fs::path prefix = root_ / "home/.pyenv/versions/3.99";
  program("home/.pyenv/versions/3.99/bin/python3.99");
  program("home/.pyenv/shims/python3.99", "#!/bin/sh\necho " + prefix.string() + "\n");
  search_in("home/.pyenv/shims");
  const auto found = find_toolchain("python3.99", {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->prefix, prefix);
  EXPECT_EQ(found->program, (prefix / "bin/python3.99").string());
}

TEST_F(Toolchains, AShimThatFailsGivesNothing) {
  program("home/.pyenv/shims/python3.99");
  search_in("home/.pyenv/shims");
  EXPECT_FALSE(find_toolchain("python3.99", {}));
}

TEST_F(Toolchains, ToolchainsGivenComeFirstInThePath) {
  program("opt/tool/bin/x");
  EXPECT_EQ(box_path({root_ / "opt/tool"}), (root_ / "opt/tool/bin").string() + ":/usr/bin:/bin:/usr/local/bin:/usr/local/go/bin");
  EXPECT_EQ(box_path({root_ / "opt"}), "/usr/bin:/bin:/usr/local/bin:/usr/local/go/bin");
}

}  // namespace
}  // namespace aicoder::box
