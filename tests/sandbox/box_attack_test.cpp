// What a program in a box must not reach. Where it is harmless, the attack first succeeds outside: a test whose attack could never work
// would prove nothing.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <thread>

#include "sandbox/box_test_support.h"
#include "sandbox/unique_fd.h"

namespace aicoder {
namespace {
namespace fs = std::filesystem;
using box::UniqueFd;
using test::boxed;
using test::python;

TEST(BoxAttack, FilesOfTheHostAreNotThere) {
  test::TempDir home;
  fs::permissions(home.path(), fs::perms(0755));
  std::ofstream(home / "secret.txt") << "the secret";
  const SandboxRequest steal = boxed({"cat", (home / "secret.txt").string()});
  EXPECT_EQ(test::outside(steal).out, "the secret") << "works outside";
  const SandboxResult result = Sandbox().run(steal);
  EXPECT_VERDICT(result, "RE");
  EXPECT_EQ(result.out, "");
}

TEST(BoxAttack, TheHomeFolderAndThePasswordsAreNotThere) {
  const char* home = std::getenv("HOME");
  SandboxRequest look =
      boxed({"sh", "-c", "ls -a \"$1\" /home /root /etc/shadow /etc/ssh /var /run /sys /mnt /media /opt /srv; cat /etc/shadow", "sh",
             home != nullptr ? home : "/root"});
  EXPECT_NE(test::outside(look).out, "") << "something is there outside";
  EXPECT_EQ(Sandbox().run(look).out, "");
  EXPECT_EQ(Sandbox().run(boxed({"cat", "/etc/passwd"})).out, "box:x:65534:65534:box:/box/home:/bin/sh\n") << "no names of the host";
}

TEST(BoxAttack, NothingButTheScratchFolderCanBeWritten) {
  const SandboxResult result = Sandbox().run(boxed({"sh", "-c",
                                                    "for d in / /usr /usr/bin /etc /dev /proc /proc/sys/kernel /bin /lib /box; do\n"
                                                    "  if (echo x > $d/aicoder-test) 2>/dev/null; then echo \"wrote $d\"; fi\n"
                                                    "done; (echo x > /proc/sys/vm/overcommit_memory) 2>/dev/null && echo sysctl\n"
                                                    "(echo x > /usr/bin/env) 2>/dev/null && echo env; true"}));
  EXPECT_VERDICT(result, "OK");
  EXPECT_EQ(result.out, "wrote /box\n");
}

class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (!fd_ || ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd_.get(), 5) != 0 ||
        ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no listener");
    }
    port_ = ntohs(address.sin_port);
  }
  int port() const { return port_; }
  bool was_called() const { return static_cast<bool>(UniqueFd(::accept(fd_.get(), nullptr, nullptr))); }

 private:
  UniqueFd fd_;
  int port_ = 0;
};

TEST(BoxAttack, TheNetworkIsOutOfReach) {
  const Listener listener;
  const SandboxRequest call =
      python("import socket; socket.create_connection(('127.0.0.1', " + std::to_string(listener.port()) + "), 5); print('connected')");
  EXPECT_EQ(test::outside(call).out, "connected\n") << "works outside";
  EXPECT_TRUE(listener.was_called());
  const SandboxResult result = Sandbox().run(call);
  EXPECT_VERDICT(result, "RE");
  EXPECT_NE(result.err.find("ConnectionRefusedError"), std::string::npos) << result.err;
  EXPECT_FALSE(listener.was_called());
  EXPECT_NE(Sandbox().run(python("import socket; socket.create_connection(('192.0.2.1', 80), 5)")).err.find("Network is unreachable"),
            std::string::npos);
}

TEST(BoxAttack, SocketsOfTheHostAreOutOfReach) {
  // An abstract name belongs to a network namespace, not to a folder.
  const std::string name = "aicoder-test-" + std::to_string(::getpid());
  const UniqueFd server(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, name.size());
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(sizeof(sa_family_t) + 1 + name.size())), 0);
  ASSERT_EQ(::listen(server.get(), 5), 0);
  const SandboxRequest call = python("import socket; s = socket.socket(socket.AF_UNIX); s.connect('\\0" + name + "'); print('connected')");
  EXPECT_EQ(test::outside(call).out, "connected\n") << "works outside";
  EXPECT_EQ(Sandbox().run(call).out, "");
}

TEST(BoxAttack, ProcessesOfTheHostAreNotThere) {
  const pid_t victim = ::fork();
  if (victim == 0) {
    ::pause();
    ::_exit(0);
  }
  const SandboxResult result =
      Sandbox().run(python("import os\n"
                           "print([p for p in os.listdir('/proc') if p.isdigit()])\n"
                           "try: os.kill(" +
                           std::to_string(victim) +
                           ", 9); print('killed')\n"
                           "except ProcessLookupError: print('not there')\n"
                           "os.kill(-1, 15)"));
  EXPECT_NE(result.out.find("['1', '2']\nnot there\n"), std::string::npos) << test::describe(result);
  EXPECT_EQ(::waitpid(victim, nullptr, WNOHANG), 0) << "the victim lives";
  ::kill(victim, SIGKILL);
  ::waitpid(victim, nullptr, 0);
}

TEST(BoxAttack, ADaemonLeftBehindIsGone) {
  const std::string inside = test::marker(11), host = test::marker(12);
  const auto daemonize = [](const std::string& seconds) {
    return python(
        "import os, time\n"
        "if os.fork() == 0:\n"
        "  os.setsid()\n"
        "  if os.fork() == 0:\n"
        "    n = os.open('/dev/null', os.O_RDWR)\n"
        "    for fd in (0, 1, 2): os.dup2(n, fd)\n"
        "    os.execvp('sleep', ['sleep', '" +
        seconds +
        "'])\n"
        "  os._exit(0)\n"
        "os.wait(); print('left')");
  };
  EXPECT_EQ(test::outside(daemonize(host)).out, "left\n");
  EXPECT_TRUE(test::settles("sleep" + std::string(1, '\0') + host, true)) << "a daemon outlives its parent outside";
  for (pid_t pid : test::processes_with(host)) ::kill(pid, SIGKILL);
  const SandboxResult result = Sandbox().run(daemonize(inside));
  EXPECT_VERDICT(result, "OK");
  EXPECT_EQ(result.out, "left\n");
  EXPECT_TRUE(test::processes_with(inside).empty());
}

TEST(BoxAttack, ResultsThroughSymbolicLinksAreNotFollowed) {
  test::TempDir home;
  fs::permissions(home.path(), fs::perms(0755));
  std::ofstream(home / "secret.txt") << "the secret";
  SandboxRequest request = python("import os\nos.symlink('" + (home / "secret.txt").string() + "', 'a.txt')\nos.symlink('" +
                                  home.path().string() + "', 'dir')\nos.symlink('/', 'root')\nos.mkfifo('fifo')\nprint('made')");
  request.outputs = {"a.txt", "dir/secret.txt", "root/etc/passwd", "fifo"};
  const SandboxResult result = Sandbox().run(request);
  EXPECT_EQ(result.out, "made\n");
  EXPECT_TRUE(result.outputs.empty());
  EXPECT_EQ(result.missing.size(), 4U);
}

TEST(BoxAttack, LinksInTheFolderAreNotFollowedWhenItIsCopied) {
  test::TempDir home, project;
  std::ofstream(home / "secret.txt") << "the secret";
  fs::create_symlink(home / "secret.txt", project / "notes.txt");
  SandboxRequest request = boxed({"cat", "notes.txt"});
  request.dir = project.path();
  const SandboxResult result = Sandbox().run(request);
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find("No such file"), std::string::npos) << result.err;
}

TEST(BoxAttack, ProcessOneCannotBeTouched) {
  const SandboxResult result = Sandbox().run(python(
      "import os\n"
      "for path in ('/proc/1/mem', '/proc/1/fd', '/proc/1/exe', '/proc/1/root', '/proc/1/environ'):\n"
      "  try:\n"
      "    (os.listdir if path.endswith('fd') else os.readlink if path.endswith(('exe', 'root')) else open)(path); print('reached', path)\n"
      "  except PermissionError: pass\n"
      "for s in range(1, 32):\n"
      "  try: os.kill(1, s)\n"
      "  except OSError: pass\n"
      "print('survived')"));
  EXPECT_VERDICT(result, "OK");
  EXPECT_EQ(result.out, "survived\n");
}

TEST(BoxAttack, NoDescriptorOfTheHostIsInherited) {
  const UniqueFd leaky(::open("/", O_RDONLY | O_DIRECTORY));  // no O_CLOEXEC
  const SandboxResult result = Sandbox().run(boxed({"sh", "-c",
                                                    "ls -l /proc/self/fd | wc -l; exec python3 -c \"import os; print([f for f in range(3, "
                                                    "500) if os.path.exists(f'/proc/self/fd/{f}')])\""}));
  EXPECT_NE(result.out.find("[]\n"), std::string::npos) << result.out;
}

TEST(BoxAttack, CallsOfAnAttackAreDenied) {
  // mount(2): a program of an ordinary user gets EPERM outside, in the box it is the end.
  const SandboxResult result =
      Sandbox().run(python("import ctypes, os\nctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, None)\nprint('still here')"));
  EXPECT_VERDICT(result, "DENIED");
  EXPECT_EQ(result.out, "");
}

TEST(BoxAttack, NewNamespacesAndPrivilegesAreRefused) {
  const SandboxResult result = Sandbox().run(boxed({"sh", "-c",
                                                    "unshare -U true 2>/dev/null && echo namespace; su -c true 2>/dev/null && echo su\n"
                                                    "grep -E '^Cap(Prm|Eff|Bnd|Amb)|^NoNewPrivs|^Seccomp:' /proc/self/status"}));
  EXPECT_EQ(result.out,
            "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:"
            "\t1\nSeccomp:\t2\n");
}

TEST(BoxAttack, FilesOfTheBoxBelongToNoUserThatRootRunsAs) {
  if (::geteuid() != 0) GTEST_SKIP() << "an ordinary user's boxes run as that user";
  const std::string seconds = test::marker(13);
  std::stop_source stop;
  std::jthread looker([&] {
    if (test::settles(seconds, true)) {
      for (pid_t pid : test::processes_with("sleep" + std::string(1, '\0') + seconds)) {
        struct stat info{};
        const bool there = ::stat(("/proc/" + std::to_string(pid)).c_str(), &info) == 0;
        EXPECT_TRUE(!there || info.st_uid != 0U);
      }
    }
    stop.request_stop();
  });
  EXPECT_THROW(Sandbox().run(boxed({"sleep", seconds}), stop.get_token()), Error);
}

}  // namespace
}  // namespace aicoder
