#include "sandbox/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <string>

#include "sandbox/memory_file.h"
#include "support/error_matcher.h"

namespace aicoder::box {
namespace {

/// Output and exit code of a shell script run with only 0, 1, 2 open.
std::pair<std::string, int> shell(const std::string& script) {
  int fds[2];
  EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  const UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  const UniqueFd in = memory_file("in", "input\n");
  const Spawned spawned = spawn({"/bin/sh", "-c", script}, {in.get(), write_end.get(), write_end.get()});
  write_end.reset();
  std::string out;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(read_end.get(), buffer, sizeof buffer)) > 0;) out.append(buffer, static_cast<size_t>(n));
  int status = 0;
  EXPECT_EQ(::waitpid(spawned.pid, &status, 0), spawned.pid);
  return {out, WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

TEST(Spawn, GivesTheDescriptorsInOrder) { EXPECT_EQ(shell("cat; exit 3"), (std::pair<std::string, int>{"input\n", 3})); }

TEST(Spawn, ClosesEveryOtherDescriptorAlsoOnesThatWouldBeInherited) {
  const UniqueFd leaky(::open("/dev/null", O_RDONLY));  // no O_CLOEXEC, as careless libraries do
  ASSERT_TRUE(leaky);
  EXPECT_EQ(shell("exec ls /proc/self/fd").first, "0\n1\n2\n3\n") << "3 is the folder that ls reads";
}

TEST(Spawn, GivesAnEmptyEnvironmentAndTheRootFolder) {
  ::setenv("AICODER_SECRET", "leaks", 1);
  EXPECT_EQ(shell("tr '\\0' '\\n' < /proc/$$/environ; /bin/pwd").first, "/\n");
  ::unsetenv("AICODER_SECRET");
}

TEST(Spawn, RootBecomesAnotherUser) {
  const std::string uid = std::to_string(box_user());
  EXPECT_NE(uid, "0");
  EXPECT_EQ(shell("/usr/bin/id -u; /usr/bin/id -G").first.substr(0, uid.size() + 1), uid + "\n");
  if (::geteuid() == 0) {
    EXPECT_EQ(shell("/usr/bin/id -G").first, std::to_string(kBoxUser) + "\n") << "no group of root stays";
  }
}

TEST(Spawn, ResetsIgnoredSignals) {
  const auto before = ::signal(SIGUSR1, SIG_IGN);
  // glibc keeps the signals 32 and 33 to itself and offers no way to reset them; make starts its children with both ignored.
  const std::string ignored = shell("grep SigIgn /proc/self/status").first;
  EXPECT_TRUE(ignored == "SigIgn:\t0000000000000000\n" || ignored == "SigIgn:\t0000000180000000\n") << ignored;
  ::signal(SIGUSR1, before);
}

TEST(Spawn, AMissingProgramIsAnError) { EXPECT_ERROR(spawn({"/no/such/program"}, {}), ErrorCode::kFailedPrecondition, "/no/such/program"); }

}  // namespace
}  // namespace aicoder::box
