#include "sandbox/request_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "sandbox/unique_fd.h"
#include "support/error_matcher.h"
#include "support/test_model.h"

namespace aicoder::box {
namespace {

SandboxRequest request() { return {.argv = {"true"}}; }

TEST(RequestCheck, NeedsAProgram) {
  EXPECT_ERROR(checked_plan({}), ErrorCode::kInvalidArgument, "no program");
  EXPECT_ERROR(checked_plan({.argv = {""}}), ErrorCode::kInvalidArgument, "no program");
  EXPECT_ERROR(checked_plan({.argv = {std::string("a\0b", 3)}}), ErrorCode::kInvalidArgument, "zero byte");
}

TEST(RequestCheck, PathsMustStayInTheWorkingFolder) {
  for (const char* path : {"../x", "/etc/passwd", "a/../../x", "", ".", "a/", ".."}) {
    SandboxRequest with_file = request(), with_output = request();
    with_file.files[path] = "x";
    with_output.outputs = {path};
    EXPECT_ERROR(checked_plan(with_file), ErrorCode::kInvalidArgument, "inside the working folder");
    EXPECT_ERROR(checked_plan(with_output), ErrorCode::kInvalidArgument, "inside the working folder");
  }
  SandboxRequest fine = request();
  fine.files["a/b.txt"] = "x";
  EXPECT_NO_THROW(checked_plan(fine));
}

TEST(RequestCheck, TheFolderMustExist) {
  SandboxRequest with_dir = request();
  with_dir.dir = "/no/such/folder";
  EXPECT_ERROR(checked_plan(with_dir), ErrorCode::kInvalidArgument, "/no/such/folder");
}

TEST(RequestCheck, LimitsOfZeroAreRefused) {
  for (auto change : std::vector<void (*)(SandboxLimits&)>{
           [](SandboxLimits& l) { l.cpu = {}; }, [](SandboxLimits& l) { l.wall = {}; }, [](SandboxLimits& l) { l.memory_bytes = 0; },
           [](SandboxLimits& l) { l.processes = 0; }, [](SandboxLimits& l) { l.file_bytes = 0; },
           [](SandboxLimits& l) { l.scratch_bytes = 0; }, [](SandboxLimits& l) { l.output_bytes = 0; }}) {
    SandboxRequest limited = request();
    change(limited.limits);
    EXPECT_ERROR(checked_plan(limited), ErrorCode::kInvalidArgument, "[sandbox]");
  }
}

TEST(RequestCheck, TheEnvironmentIsWhatWasAskedAndThreeNames) {
  ::setenv("AICODER_SECRET", "leaks", 1);
  SandboxRequest with_env = request();
  with_env.env["MODE"] = "test";
  with_env.env["LANG"] = "de_DE.UTF-8";
  EXPECT_THAT(checked_plan(with_env).env,
              testing::UnorderedElementsAre("MODE=test", "LANG=de_DE.UTF-8", "HOME=/box/home", testing::StartsWith("PATH=")));
  ::unsetenv("AICODER_SECRET");
}

TEST(RequestCheck, NamesOfVariablesAreChecked) {
  for (const std::string& name : {std::string(), std::string("A=B"), std::string("A\0B", 3)}) {
    SandboxRequest with_env = request();
    with_env.env[name] = "x";
    EXPECT_ERROR(checked_plan(with_env), ErrorCode::kInvalidArgument, "[sandbox]");
  }
}

TEST(RequestCheck, FoldersToShowMustBeReal) {
  for (const char* path : {"relative", "/no/such/folder", "/", "/proc", "/dev/null", "/usr/.."}) {
    SandboxRequest with_folder = request();
    with_folder.read_only = {path};
    EXPECT_ERROR(checked_plan(with_folder), ErrorCode::kInvalidArgument, "read_only");
  }
}

TEST(RequestCheck, AFolderWithADoorToTheHostIsNotShown) {
  test::TempDir folder;
  std::filesystem::create_directory(folder / "below");
  SandboxRequest with_folder = request();
  with_folder.read_only = {folder.path()};
  EXPECT_NO_THROW(checked_plan(with_folder));

  const UniqueFd server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_GE(server.get(), 0);
  sockaddr_un place{};
  place.sun_family = AF_UNIX;
  const std::string path = folder / "below/agent";
  path.copy(place.sun_path, sizeof place.sun_path - 1);
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&place), sizeof place), 0);
  ASSERT_EQ(::listen(server.get(), 1), 0);
  EXPECT_ERROR(checked_plan(with_folder), ErrorCode::kInvalidArgument, "socket '" + path + "'");
  ::unlink(path.c_str());

  ASSERT_EQ(::mkfifo((folder / "below/pipe").c_str(), 0644), 0);
  EXPECT_ERROR(checked_plan(with_folder), ErrorCode::kInvalidArgument, "pipe");
}

TEST(RequestCheck, RootLendsWhatTheBoxUserCannotReach) {
  if (::geteuid() != 0) GTEST_SKIP() << "an ordinary user's boxes run as that user";
  test::TempDir closed;
  std::filesystem::create_directory(closed / "tool");
  ::chmod(closed.path().c_str(), 0700);
  SandboxRequest with_folder = request();
  with_folder.read_only = {closed / "tool"};
  EXPECT_THAT(checked_plan(with_folder).lent, testing::ElementsAre(closed / "tool"));
  EXPECT_TRUE(checked_plan(with_folder).read_only.empty());
  ::chmod(closed.path().c_str(), 0755);
  EXPECT_THAT(checked_plan(with_folder).read_only, testing::ElementsAre(closed / "tool"));
}

TEST(RequestCheck, AFolderClosedToAllButItsOwnerIsNotShown) {
  test::TempDir closed;
  std::filesystem::create_directory(closed / "tool");
  ::chmod((closed / "tool").c_str(), ::geteuid() == 0 ? 0700 : 0755);
  ::chmod(closed.path().c_str(), ::geteuid() == 0 ? 0700 : 0000);
  SandboxRequest with_folder = request();
  with_folder.read_only = {closed / "tool"};
  EXPECT_THROW(checked_plan(with_folder), Error);
  ::chmod(closed.path().c_str(), 0700);
}

}  // namespace
}  // namespace aicoder::box
