// A box does its work: programs run as they would outside, and what comes back is what happened.
#include <fcntl.h>
#include <sys/wait.h>

#include <thread>

#include "sandbox/box_test_support.h"
#include "support/error_matcher.h"

namespace aicoder {
namespace {
namespace fs = std::filesystem;
using test::boxed;
using test::python;

TEST(BoxRun, PythonSaysHello) {
  const SandboxResult result = Sandbox().run(python("print('hello')"));
  EXPECT_VERDICT(result, "OK");
  EXPECT_EQ(result.out, "hello\n");
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.level, "L3");
  EXPECT_EQ(result.detail, "");
  EXPECT_GT(result.peak_bytes, uint64_t{1} << 20);
  EXPECT_GT(result.cpu_ms, 0);
  EXPECT_GT(result.wall_ms, 0);
}

TEST(BoxRun, Python3IsTheOneOfTheSystem) {
  if (!fs::exists("/usr/bin/python3")) GTEST_SKIP() << "this machine has no /usr/bin/python3";
  EXPECT_EQ(Sandbox().run(python("import sys; print(sys.executable)")).out, "/usr/bin/python3\n");
}

TEST(BoxRun, StdinArrivesWhole) {
  SandboxRequest request = python("import sys; data = sys.stdin.read(); print(len(data), data[-3:])");
  request.stdin_text = std::string(3'000'000, 'x') + "end";
  EXPECT_EQ(Sandbox().run(request).out, "3000003 end\n");
  EXPECT_EQ(Sandbox().run(python("import sys; print(repr(sys.stdin.read()))")).out, "''\n") << "none given: empty, not the terminal's";
}

TEST(BoxRun, StdoutAndStderrAreKeptApartAndCanBeOpenedByName) {
  const SandboxResult result = Sandbox().run(boxed({"sh", "-c", "echo out; echo err >&2; echo named > /dev/stdout"}));
  EXPECT_EQ(result.out, "out\nnamed\n");
  EXPECT_EQ(result.err, "err\n");
}

TEST(BoxRun, OutputIsAlwaysValidUtf8) {
  EXPECT_EQ(Sandbox().run(python("import sys; sys.stdout.buffer.write(b'a\\xffb')")).out,
            "a\xEF\xBF\xBD"
            "b");
}

TEST(BoxRun, TheEnvironmentIsEmptyButForThreeNames) {
  ::setenv("AICODER_SECRET", "leaks", 1);
  SandboxRequest request = python("import os; print(sorted(os.environ), os.environ['HOME'], os.environ['MODE'])");
  request.env["MODE"] = "test";
  EXPECT_EQ(Sandbox().run(request).out, "['HOME', 'LANG', 'MODE', 'PATH'] /box/home test\n");
  ::unsetenv("AICODER_SECRET");
}

TEST(BoxRun, ExitCodesComeBack) {
  const SandboxResult result = Sandbox().run(python("raise SystemExit(42)"));
  EXPECT_VERDICT(result, "RE");
  EXPECT_EQ(result.exit_code, 42);
  EXPECT_EQ(result.detail, "exit code 42");
}

TEST(BoxRun, SignalsComeBack) {
  const SandboxResult result = Sandbox().run(python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"));
  EXPECT_VERDICT(result, "SIG");
  EXPECT_EQ(result.exit_code, 128 + SIGSEGV);
  EXPECT_EQ(result.detail, "killed by SIGSEGV");
}

TEST(BoxRun, AMissingProgramIsTheProgramsFaultNotTheBoxes) {
  const SandboxResult result = Sandbox().run(boxed({"no-such-program"}));
  EXPECT_VERDICT(result, "RE");
  EXPECT_EQ(result.exit_code, 127);
  EXPECT_NE(result.detail.find("no-such-program"), std::string::npos);
}

TEST(BoxRun, TheFolderIsACopy) {
  test::TempDir project;
  fs::create_directory(project / "pkg");
  std::ofstream(project / "pkg/m.py") << "value = 41\n";
  SandboxRequest request =
      python("from pkg import m; import os; open('pkg/m.py', 'w').write('gone'); os.remove('pkg/m.py'); print(m.value, os.getcwd())");
  request.dir = project.path();
  const SandboxResult result = Sandbox().run(request);
  EXPECT_VERDICT(result, "OK");
  EXPECT_EQ(result.out, "41 /box/work\n");
  EXPECT_EQ(read_file(project / "pkg/m.py"), "value = 41\n") << "the original is untouched";
}

TEST(BoxRun, FilesGivenAreThereAndOutputsComeBack) {
  SandboxRequest request = python("import os; os.makedirs('out'); open('out/r.txt', 'w').write(open('in/x.txt').read() * 2)");
  request.files["in/x.txt"] = "ab";
  request.outputs = {"out/r.txt", "absent.txt"};
  const SandboxResult result = Sandbox().run(request);
  EXPECT_VERDICT(result, "OK");
  EXPECT_EQ(result.outputs, (std::map<std::string, std::string>{{"out/r.txt", "abab"}}));
  EXPECT_EQ(result.missing.count("absent.txt"), 1U);
}

TEST(BoxRun, OutputsOfAFailedRunComeBackToo) {
  SandboxRequest request = python("open('log', 'w').write('partial'); raise SystemExit(1)");
  request.outputs = {"log"};
  EXPECT_EQ(Sandbox().run(request).outputs["log"], "partial");
}

TEST(BoxRun, CompilesAndRunsCpp) {
  SandboxRequest request = boxed({"sh", "-c", "g++ -O1 main.cpp -o main && ./main"});
  request.limits = {};
  request.files["main.cpp"] =
      "#include <iostream>\n#include <vector>\nint main() { std::vector<int> v{1, 2, 3}; std::cout << v.size() << '\\n'; }\n";
  const SandboxResult result = Sandbox().run(request);
  EXPECT_VERDICT(result, "OK");
  EXPECT_EQ(result.out, "3\n");
}

TEST(BoxRun, PythonThreadsSubprocessesAndPoolsWork) {
  SandboxRequest request = python(
      "import subprocess, threading, multiprocessing as mp, tempfile, socket\n"
      "t = threading.Thread(target=lambda: print('thread')); t.start(); t.join()\n"
      "print(subprocess.run(['echo', 'child'], capture_output=True, text=True).stdout.strip(), flush=True)\n"
      "with mp.get_context('fork').Pool(2) as pool: print(sum(pool.map(abs, [-1, -2])))\n"
      "tempfile.NamedTemporaryFile().write(b'x')\n"
      "s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); print('loopback')\n");
  const SandboxResult result = Sandbox().run(request);
  EXPECT_VERDICT(result, "OK");
  EXPECT_EQ(result.out, "thread\nchild\n3\nloopback\n");
}

TEST(BoxRun, NodeRuns) {
  if (!fs::exists("/usr/bin/node")) GTEST_SKIP() << "this machine has no /usr/bin/node";
  SandboxRequest request = boxed({"node", "-e", "require('fs').writeFileSync('x', 'y'); console.log(require('os').cpus().length > 0)"});
  request.limits = {};
  const SandboxResult result = Sandbox().run(request);
  EXPECT_VERDICT(result, "OK");
  EXPECT_EQ(result.out, "true\n");
}

TEST(BoxRun, AToolchainElsewhereIsShownReadOnly) {
  test::TempDir tools;
  fs::permissions(tools.path(), fs::perms(0755));
  fs::create_directory(tools / "bin");
  std::ofstream(tools / "bin/greet") << "#!/bin/sh\necho greetings; echo x > \"$0\" || exit 5\n";
  fs::permissions(tools / "bin/greet", fs::perms(0755));
  SandboxRequest request = boxed({"greet"});
  request.read_only = {tools.path()};
  const SandboxResult result = Sandbox().run(request);
  EXPECT_EQ(result.out, "greetings\n");
  EXPECT_EQ(result.exit_code, 5) << test::describe(result);
}

TEST(BoxRun, AToolchainBelowAClosedHomeIsShownAlone) {
  test::TempDir home;
  fs::create_directories(home / "tools/bin");
  std::ofstream(home / "tools/bin/greet") << "#!/bin/sh\necho greetings; ls \"$1\"\n";
  fs::permissions(home / "tools/bin/greet", fs::perms(0755));
  std::ofstream(home / "secret.txt") << "the secret";
  fs::permissions(home.path(), fs::perms(0700));
  SandboxRequest request = boxed({"greet", home.path().string()});
  request.read_only = {home / "tools"};
  const SandboxResult result = Sandbox().run(request);
  EXPECT_VERDICT(result, "OK");
  EXPECT_EQ(result.out, "greetings\ntools\n");
}

TEST(BoxRun, RefusalsAreErrorsNotVerdicts) {
  Sandbox box;
  EXPECT_ERROR(box.run({}), ErrorCode::kInvalidArgument, "no program");
  SandboxRequest leaving = boxed({"true"});
  leaving.outputs = {"../x"};
  EXPECT_ERROR(box.run(leaving), ErrorCode::kInvalidArgument, "inside the working folder");
  test::TempDir large;
  std::ofstream(large / "big") << std::string(5 << 20, 'x');
  SandboxRequest too_large = boxed({"true"});
  too_large.dir = large.path();
  EXPECT_ERROR(box.run(too_large), ErrorCode::kResourceExhausted, "scratch space");
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_ERROR(box.run(boxed({"true"}), stopped.get_token()), ErrorCode::kCancelled, "");
}

TEST(BoxRun, AStopEndsTheBox) {
  const std::string seconds = test::marker(1);
  std::stop_source stop;
  std::thread stopper([&] {
    EXPECT_TRUE(test::settles(seconds, true)) << "the program never started";
    stop.request_stop();
  });
  SandboxRequest request = boxed({"sleep", seconds});
  request.limits.wall = std::chrono::minutes(5);
  EXPECT_ERROR(Sandbox().run(request, stop.get_token()), ErrorCode::kCancelled, "");
  stopper.join();
  EXPECT_TRUE(test::processes_with(seconds).empty()) << "gone when run() returns";
}

TEST(BoxRun, TheBoxDiesWithItsHost) {
  const std::string seconds = test::marker(2);
  const pid_t host = ::fork();
  if (host == 0) {
    SandboxRequest request = boxed({"sh", "-c", "sleep " + seconds + " & sleep " + seconds});
    request.limits.wall = std::chrono::minutes(5);
    Sandbox().run(request);
    ::_exit(0);
  }
  ASSERT_TRUE(test::settles(seconds, true));
  ::kill(host, SIGKILL);
  ::waitpid(host, nullptr, 0);
  EXPECT_TRUE(test::settles(seconds, false)) << "left behind";
}

TEST(BoxRun, RunsFromSeveralThreadsAreIndependent) {
  Sandbox box;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&box, t] {
      for (int i = 0; i < 8; ++i) {
        SandboxRequest request = boxed({"sh", "-c", "cat in; echo " + std::to_string(t) + " > out; ls | wc -l; exit " + std::to_string(t)});
        request.files["in"] = std::to_string(t * 100 + i) + "\n";
        request.outputs = {"out"};
        const SandboxResult result = box.run(request);
        EXPECT_EQ(result.exit_code, t) << test::describe(result);
        EXPECT_EQ(result.out, std::to_string(t * 100 + i) + "\n2\n");
        EXPECT_EQ(result.outputs.at("out"), std::to_string(t) + "\n");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(BoxRun, TwoHundredRunsLeaveNothing) {
  Sandbox box;
  ASSERT_EQ(box.run(boxed({"true"})).verdict, Verdict::kOk);
  const auto mounts = [] {
    std::ifstream file("/proc/self/mounts");
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string mounts_before = mounts();
  const size_t fds_before = test::entries_of("/proc/self/fd");
  size_t ok = 0;
  for (int i = 0; i < 200; ++i) {
    SandboxRequest request = boxed({"sh", "-c", "(sleep 1000 &) ; echo x > f"});
    request.files["aicoder-residue"] = "x";
    ok += box.run(request).verdict == Verdict::kOk ? 1 : 0;
  }
  EXPECT_EQ(ok, 200U);
  EXPECT_EQ(mounts(), mounts_before);
  EXPECT_EQ(test::entries_of("/proc/self/fd"), fds_before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no child, not even a dead one";
  for (const auto& entry : fs::directory_iterator(fs::temp_directory_path())) {
    EXPECT_EQ(entry.path().filename().string().find("bubblewrap"), std::string::npos) << entry.path();
    std::error_code closed_to_us;
    EXPECT_FALSE(fs::exists(entry.path() / "aicoder-residue", closed_to_us));
  }
}

}  // namespace
}  // namespace aicoder
