// Every limit binds the whole tree, the verdict says which one, and the next box works.
#include "sandbox/box_test_support.h"

namespace aicoder {
namespace {
using test::boxed;
using test::python;

void expect_usable_again() { EXPECT_VERDICT(Sandbox().run(python("print(1)")), "OK"); }

TEST(BoxLimit, AForkBombIsStopped) {
  const SandboxResult result = Sandbox().run(python("import os\nwhile True: os.fork()"));
  EXPECT_VERDICT(result, "PIDS");
  EXPECT_NE(result.detail.find("limit 16"), std::string::npos) << result.detail;
  expect_usable_again();
}

TEST(BoxLimit, ManySleepingProcessesAreTooMany) {
  const SandboxRequest request =
      python("import os, sys\nfor i in range(30):\n  if os.fork() == 0: os.execvp('sleep', ['sleep', '0.2'])\nprint('forked')");
  EXPECT_EQ(test::outside(request).out, "forked\n") << "works outside";
  EXPECT_VERDICT(Sandbox().run(request), "PIDS");
}

TEST(BoxLimit, ThreadsCountToo) {
  const SandboxRequest request = python(
      "import threading, time\nts = [threading.Thread(target=time.sleep, args=(1,)) for i in range(30)]\nfor t in ts: "
      "t.start()\nprint('started')");
  EXPECT_EQ(test::outside(request).out, "started\n") << "works outside";
  EXPECT_VERDICT(Sandbox().run(request), "PIDS");
}

TEST(BoxLimit, AsManyProcessesAsAllowedAreFine) {
  SandboxRequest request = python(
      "import os, time\nfor i in range(15):\n  if os.fork() == 0: time.sleep(0.3); os._exit(0)\nfor i in range(15): "
      "os.wait()\nprint('ok')");
  const SandboxResult result = Sandbox().run(request);
  EXPECT_VERDICT(result, "OK");
  EXPECT_EQ(result.out, "ok\n");
}

TEST(BoxLimit, MemoryOfOneProcess) {
  SandboxRequest request = python("x = b'x' * (200 << 20); print('allocated')");
  EXPECT_EQ(test::outside(request).out, "allocated\n") << "works outside";
  const SandboxResult result = Sandbox().run(request);
  EXPECT_VERDICT(result, "MLE");
  EXPECT_EQ(result.out, "");
  EXPECT_GT(result.peak_bytes, request.limits.memory_bytes);
  expect_usable_again();
}

TEST(BoxLimit, MemoryOfManyProcessesTogether) {
  const std::string code =
      "import os, time\n"
      "for i in range(8):\n"
      "  if os.fork() == 0:\n"
      "    x = b'x' * (30 << 20); time.sleep(WAIT); os._exit(0)\n"
      "for i in range(8): os.wait()\n"
      "print('allocated')";
  std::string short_wait = code, long_wait = code;
  short_wait.replace(code.find("WAIT"), 4, "0.1");
  long_wait.replace(code.find("WAIT"), 4, "15");
  EXPECT_EQ(test::outside(python(short_wait)).out, "allocated\n") << "works outside";
  EXPECT_VERDICT(Sandbox().run(python(long_wait)), "MLE");  // 8 * 30 MiB against 128 MiB, none of them alone
}

TEST(BoxLimit, MemoryInSharedMappingsOfFilesCounts) {
  SandboxRequest request = python(
      "import mmap, os, time\n"
      "f = open('/dev/shm/x', 'w+b'); f.truncate(100 << 20)\n"
      "m = mmap.mmap(f.fileno(), 100 << 20)\n"
      "for i in range(0, len(m), 4096): m[i] = 1\n"
      "y = b'y' * (60 << 20)\n"
      "time.sleep(15)");
  request.limits.scratch_bytes = request.limits.file_bytes = uint64_t{120} << 20;
  EXPECT_VERDICT(Sandbox().run(request), "MLE");
}

TEST(BoxLimit, MemoryInSocketsIsBounded) {
  const std::string code =
      "import socket, sys, time\n"
      "keep = [socket.socketpair() for i in range(100)]\n"
      "for pair in keep:\n"
      "  for s in pair:\n"
      "    s.setblocking(False); s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)\n"
      "    try:\n"
      "      while SEND: s.send(b'x' * 65536)\n"
      "    except BlockingIOError: pass\n"
      "print('filled', flush=True); time.sleep(WAIT)";
  const auto variant = [&code](const char* send, const char* wait) {
    std::string text = code;
    text.replace(text.find("SEND"), 4, send);
    text.replace(text.find("WAIT"), 4, wait);
    return python(text);
  };
  EXPECT_EQ(test::outside(variant("False", "0")).out, "filled\n") << "the sockets can be had outside";
  SandboxRequest attack = variant("True", "15");
  attack.limits.memory_bytes = uint64_t{32} << 20;
  const SandboxResult result = Sandbox().run(attack);
  EXPECT_VERDICT(result, "MLE");
  EXPECT_NE(result.detail.find("sockets"), std::string::npos) << result.detail;
}

TEST(BoxLimit, ForkedChildrenThatShareMemoryAreNotCountedTwice) {
  SandboxRequest request = python(
      "import gc, os, time\n"
      "x = b'x' * (60 << 20)\n"
      "for i in range(6):\n"
      "  if os.fork() == 0: time.sleep(0.5); os._exit(0)\n"
      "for i in range(6): os.wait()\n"
      "print('ok')");
  const SandboxResult result = Sandbox().run(request);  // 7 * 60 MiB resident, about 70 MiB there
  EXPECT_VERDICT(result, "OK");
  EXPECT_LT(result.peak_bytes, request.limits.memory_bytes);
}

TEST(BoxLimit, CpuOfTheWholeTree) {
  SandboxRequest request = python("import os\nos.fork()\nwhile True: pass");
  request.limits.cpu = std::chrono::milliseconds(600);
  request.limits.wall = std::chrono::minutes(2);
  const SandboxResult result = Sandbox().run(request);
  EXPECT_VERDICT(result, "TLE_CPU");
  EXPECT_GT(result.cpu_ms, 600);
}

TEST(BoxLimit, CpuOfChildrenThatAreNeverWaitedFor) {
  SandboxRequest request = python(
      "import os, signal, time\n"
      "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
      "while True:\n"
      "  if os.fork() == 0:\n"
      "    end = time.process_time() + 0.1\n"
      "    while time.process_time() < end: pass\n"
      "    os._exit(0)\n"
      "  try: os.wait()\n"
      "  except ChildProcessError: pass\n");
  request.limits.cpu = std::chrono::milliseconds(800);
  request.limits.wall = std::chrono::minutes(2);
  EXPECT_VERDICT(Sandbox().run(request), "TLE_CPU");
}

TEST(BoxLimit, SleepingIsWallTimeNotCpuTime) {
  SandboxRequest request = boxed({"sleep", "1000"});
  request.limits.wall = std::chrono::milliseconds(300);
  const SandboxResult result = Sandbox().run(request);
  EXPECT_VERDICT(result, "TLE_WALL");
  EXPECT_EQ(result.exit_code, 137);
  EXPECT_GE(result.wall_ms, 300);
}

TEST(BoxLimit, OneFile) {
  const SandboxRequest by_signal = boxed({"sh", "-c", "head -c 2000000 /dev/urandom > f; exit $?"});
  test::TempDir cwd;
  EXPECT_EQ(test::outside(by_signal, cwd.path()).exit_code, 0) << "works outside";
  EXPECT_VERDICT(Sandbox().run(by_signal), "FSIZE");
  // Python ignores the signal and raises an error instead.
  EXPECT_VERDICT(Sandbox().run(python("open('f', 'wb').write(b'x' * (2 << 20))")), "FSIZE");
}

TEST(BoxLimit, TheDiskIsFullAtTheScratchLimitWhereverOneWrites) {
  for (const char* folder : {"/tmp", "/dev/shm", ".", "/box/home"}) {
    const SandboxResult result = Sandbox().run(python(std::string("import os\nos.chdir('") + folder +
                                                      "')\n"
                                                      "for i in range(10): open(str(i), 'wb').write(b'x' * (600 << 10))"));
    EXPECT_VERDICT(result, "RE");
    EXPECT_NE(result.err.find("No space left on device"), std::string::npos) << result.err;
    EXPECT_NE(result.detail.find("scratch space were full"), std::string::npos) << result.detail;
  }
  expect_usable_again();
}

TEST(BoxLimit, EndlessOutputKeepsTheTail) {
  const SandboxResult result = Sandbox().run(python("i = 0\nwhile True:\n  print(i); i += 1"));
  EXPECT_VERDICT(result, "OLE");
  EXPECT_EQ(result.out.size() + result.err.size(), 100'000U);
  EXPECT_EQ(result.out.find("\n0\n"), std::string::npos) << "the beginning is gone, the end is kept";
  expect_usable_again();
}

TEST(BoxLimit, BothStreamsTogetherMakeTheOutput) {
  const SandboxResult result =
      Sandbox().run(python("import sys\nsys.stdout.write('o' * 60000); sys.stdout.flush(); sys.stderr.write('e' * 60000)"));
  EXPECT_VERDICT(result, "OLE");
  EXPECT_LE(result.out.size() + result.err.size(), 100'000U);
}

TEST(BoxLimit, ExactlyTheOutputLimitIsFine) {
  const SandboxResult result = Sandbox().run(python("import sys; sys.stdout.write('o' * 100000)"));
  EXPECT_VERDICT(result, "OK");
  EXPECT_EQ(result.out.size(), 100'000U);
}

TEST(BoxLimit, LimitsCannotBeRaisedFromInside) {
  const SandboxResult result =
      Sandbox().run(python("import resource\n"
                           "for r in (resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU):\n"
                           "  try: resource.setrlimit(r, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)); print('raised')\n"
                           "  except (ValueError, PermissionError): print('refused')"));
  EXPECT_EQ(result.out, "refused\nrefused\nrefused\n") << test::describe(result);
}

}  // namespace
}  // namespace aicoder
