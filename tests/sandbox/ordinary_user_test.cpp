// The same tests, the same verdicts, without root.
#include <fcntl.h>
#include <grp.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sandbox/box_test_support.h"
#include "sandbox/unique_fd.h"

namespace aicoder {
namespace {
using box::UniqueFd;

TEST(AsOrdinaryUser, EveryOtherTestOfThisProgramPasses) {
  if (::geteuid() != 0) GTEST_SKIP() << "already an ordinary user";
  constexpr uid_t kUser = 54321;
  // By descriptor: the build folder may lie where that user cannot go.
  const UniqueFd program(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(program);
  int fds[2];
  ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  const UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(write_end.get(), 1);
    ::dup2(write_end.get(), 2);
    if (::chdir("/") != 0 || ::setgroups(0, nullptr) != 0 || ::setresgid(kUser, kUser, kUser) != 0 || ::setresuid(kUser, kUser, kUser) != 0)
      ::_exit(99);
    std::string name = "tests", filter = "--gtest_filter=-AsOrdinaryUser.*", path = "PATH=/usr/bin:/bin", home = "HOME=/nonexistent";
    char* argv[] = {name.data(), filter.data(), nullptr};
    char* env[] = {path.data(), home.data(), nullptr};
    ::syscall(SYS_execveat, program.get(), "", argv, env, AT_EMPTY_PATH);
    ::_exit(98);
  }
  write_end.reset();
  std::string out;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(read_end.get(), buffer, sizeof buffer)) > 0;) out.append(buffer, static_cast<size_t>(n));
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "exit " << WEXITSTATUS(status) << "\n" << out;
  EXPECT_NE(out.find("BoxLimit.AForkBombIsStopped"), std::string::npos) << "the tests ran";
}

}  // namespace
}  // namespace aicoder
