// Outliving the run, hiding its cost, and looking like success.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <initializer_list>

#include "sandbox/attack/program.h"

namespace aicoder::attack {
namespace {

void no_streams() {
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
}

/// "stay NONCE": what is left behind, found by its command line.
int stay(const Args&) {
  ::alarm(60);
  for (;;) ::pause();
}

[[noreturn]] void become_stayer(const Args& args) {
  ::execl("/proc/self/exe", "attacker", "stay", args.nonce, nullptr);
  ::_exit(1);
}

int daemon(const Args& args) {  // double fork
  attempt();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setsid();
    if (::fork() == 0) {
      no_streams();
      become_stayer(args);
    }
    ::_exit(0);
  }
  ::waitpid(pid, nullptr, 0);
  return 0;
}

int new_session(const Args& args) {
  attempt();
  if (::fork() == 0) {
    ::setsid();
    no_streams();
    become_stayer(args);
  }
  return 0;
}

int ignore_signals(const Args& args) {
  attempt();
  if (::fork() == 0) {
    for (int signal = 1; signal < 65; ++signal) ::signal(signal, SIG_IGN);
    no_streams();
    become_stayer(args);
  }
  return 0;
}

/// Stays itself; who started it is killed meanwhile.
int outlive(const Args& args) {
  attempt();
  no_streams();
  become_stayer(args);
}

/// The program ends at once; a grandchild keeps its streams open.
int hold_output(const Args& args) {
  attempt();
  if (::fork() == 0) {
    if (::fork() == 0) {
      sleep_ms(args.number(0));
      ::_exit(0);
    }
    ::_exit(0);
  }
  ::wait(nullptr);
  return 0;
}

int sleep_long(const Args& args) {
  attempt();
  sleep_ms(args.number(0));
  return effect_if(args, true);
}

/// Stops itself, so that whoever waits for its end waits for ever. A child that is not stopped says so.
int stop_itself(const Args& args) {
  attempt();
  const pid_t self = ::getpid();
  if (::fork() == 0) {
    sleep_ms(args.number(0));
    effect_if(args, true);
    ::kill(self, SIGKILL);
    ::_exit(0);
  }
  ::raise(SIGSTOP);
  return 0;
}

void burn(long ms) {
  const clock_t end = ::clock() + ms * (CLOCKS_PER_SEC / 1000);
  while (::clock() < end) {
  }
}

int burn_cpu(const Args& args) {
  for (int signal : {SIGXCPU, SIGTERM, SIGINT, SIGALRM, SIGPROF}) ::signal(signal, SIG_IGN);
  attempt();
  burn(args.number(0));
  return effect_if(args, true);
}

/// The work of many short processes, none of which uses much: MS PROCESSES.
int burn_in_children(const Args& args) {
  ::signal(SIGCHLD, SIG_IGN);  // nobody waits, so that their time is counted with nobody
  attempt();
  const long parts = args.number(1);
  for (long i = 0; i < parts; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      burn(args.number(0) / parts);
      ::_exit(0);
    }
    while (pid > 0 && ::kill(pid, 0) == 0) sleep_ms(5);
  }
  return effect_if(args, true);
}

int burn_in_tree(const Args& args) {  // MS PROCESSES, all at once
  attempt();
  const long parts = args.number(1);
  for (long i = 1; i < parts; ++i) {
    if (::fork() == 0) {
      burn(args.number(0) / parts);
      ::_exit(0);
    }
  }
  burn(args.number(0) / parts);
  while (::wait(nullptr) > 0) {
  }
  return effect_if(args, true);
}

/// Did more than it may in a child, and ends with 0: a judge that looks at the exit code alone takes it for success.
int flood_and_succeed(const Args& args) {
  ::signal(SIGPIPE, SIG_IGN);
  attempt();
  if (::fork() == 0) {
    static char block[1 << 16];
    for (long i = 0; i < args.number(0) * 16; ++i) (void)!::write(2, block, sizeof block);
    ::_exit(1);
  }
  ::wait(nullptr);
  ::_exit(0);
}

int burn_and_succeed(const Args& args) {
  attempt();
  if (::fork() == 0) {
    burn(args.number(0));
    ::_exit(1);
  }
  ::wait(nullptr);
  ::_exit(0);
}

/// Ends the way a killed program does not: exit code 0 in the moment in which it is asked to stop.
int exit_on_signal(const Args& args) {
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGXCPU, SIGALRM, SIGPROF}) {
    ::signal(signal, [](int) { ::_exit(0); });
  }
  attempt();
  ::alarm(static_cast<unsigned>(args.number(0)));  // outside: what a time limit by a signal does
  for (;;) ::pause();
}

constexpr Entry kEntries[] = {{"stay", stay},
                              {"daemon", daemon},
                              {"new_session", new_session},
                              {"ignore_signals", ignore_signals},
                              {"outlive", outlive},
                              {"hold_output", hold_output},
                              {"sleep_long", sleep_long},
                              {"stop_itself", stop_itself},
                              {"burn_cpu", burn_cpu},
                              {"burn_in_children", burn_in_children},
                              {"burn_in_tree", burn_in_tree},
                              {"flood_and_succeed", flood_and_succeed},
                              {"burn_and_succeed", burn_and_succeed},
                              {"exit_on_signal", exit_on_signal}};

}  // namespace

Entries time_attacks() { return {kEntries, sizeof kEntries / sizeof kEntries[0]}; }

}  // namespace aicoder::attack
