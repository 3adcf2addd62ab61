// What takes too long for every run of the tests: a large toolchain, and what a box costs.
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "sandbox/box_test_support.h"

namespace aicoder {
namespace {
namespace fs = std::filesystem;
using test::boxed;

TEST(BoxSlow, GoBuildsAndRuns) {
  if (!fs::exists("/usr/local/go/bin/go") && !fs::exists("/usr/bin/go")) GTEST_SKIP() << "this machine has no Go below /usr";
  SandboxRequest request = boxed({"go", "run", "main.go"});
  request.limits = {};
  request.limits.cpu = request.limits.wall = std::chrono::seconds(100);  // builds its standard library first
  request.limits.scratch_bytes = uint64_t{512} << 20;
  request.limits.memory_bytes = uint64_t{2} << 30;
  request.limits.processes = 256;
  request.limits.file_bytes = uint64_t{64} << 20;
  request.files["main.go"] = "package main\nfunc main() { println(\"go\") }\n";
  const SandboxResult result = Sandbox().run(request);
  EXPECT_VERDICT(result, "OK");
  EXPECT_EQ(result.err, "go\n");
}

double ms_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// Bare process, bare bubblewrap and box, one after the other 200 times: what else runs on the machine meets all three alike. Prints the
/// medians (docs/decisions/0005-sandbox.md quotes them); a run that is not OK would make them worthless, so that is what can fail.
TEST(BoxSlow, CostOfOneRun) {
  Sandbox box;
  std::vector<double> bare, bubblewrap, boxes;
  const auto host = [](std::vector<const char*> argv) {
    argv.push_back(nullptr);
    pid_t pid = -1;
    int status = -1;
    ASSERT_EQ(::posix_spawnp(&pid, argv[0], nullptr, nullptr, const_cast<char* const*>(argv.data()), environ), 0);
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  };
  for (int i = 0; i < 200; ++i) {
    bare.push_back(ms_of([&] { host({"/bin/true"}); }));
    bubblewrap.push_back(ms_of([&] {
      host({"bwrap",
            "--unshare-all",
            "--unshare-user",
            "--disable-userns",
            "--uid",
            "65534",
            "--gid",
            "65534",
            "--die-with-parent",
            "--new-session",
            "--cap-drop",
            "ALL",
            "--ro-bind",
            "/",
            "/",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "/bin/true"});
    }));
    boxes.push_back(ms_of([&] { EXPECT_VERDICT(box.run(boxed({"/bin/true"})), "OK"); }));
  }
  std::printf("median of 200, ms: bare process %.2f, bare bubblewrap %.2f, box %.2f\n", median(bare), median(bubblewrap), median(boxes));
}

}  // namespace
}  // namespace aicoder
