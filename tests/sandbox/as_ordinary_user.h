// This test program once more, as somebody who is not root.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <string>
#include <utility>

#include "sandbox/box_test_support.h"
#include "sandbox/unique_fd.h"

namespace aicoder::test {

/// \param filter  as --gtest_filter takes it
/// \return exit code (-1: it did not end by itself) and all that it printed. Needs root.
inline std::pair<int, std::string> run_as_ordinary_user(const std::string& filter_text) {
  constexpr uid_t kUser = 54321;
  // By descriptor: the build folder may lie where that user cannot go.
  const box::UniqueFd program(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  int fds[2];
  if (!program || ::pipe2(fds, O_CLOEXEC) != 0) return {-1, "no pipe"};
  const box::UniqueFd read_end(fds[0]);
  box::UniqueFd write_end(fds[1]);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(write_end.get(), 1);
    ::dup2(write_end.get(), 2);
    if (::chdir("/") != 0 || ::setgroups(0, nullptr) != 0 || ::setresgid(kUser, kUser, kUser) != 0 || ::setresuid(kUser, kUser, kUser) != 0)
      ::_exit(99);
    std::string name = "tests", filter = "--gtest_filter=" + filter_text, path = "PATH=/usr/bin:/bin", home = "HOME=/nonexistent";
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
  if (::waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return {-1, out};
  return {WEXITSTATUS(status), out};
}

}  // namespace aicoder::test
