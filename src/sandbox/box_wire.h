// What the host and the program that is process 1 of a box (box_init.cpp) tell each other. Both come from one build, so the
// layout needs no version. Plain C-like: box_init is a small static program without the C++ library.
#pragma once

#include <cstdint>

namespace aicoder::box {

// Descriptors the host puts in place before bubblewrap starts; 0, 1, 2 are the program's stdin, stdout, stderr.
inline constexpr int kControlFd = 3;  // SOCK_SEQPACKET, BoxMessage both ways
inline constexpr int kImageFd = 4;    // box_init itself, a sealed memory file
inline constexpr int kSetupFd = 5;    // BoxSetup and what follows it

// The box's own folders. One size-limited tmpfs at kScratch holds them all, so that one limit binds all.
inline constexpr char kScratch[] = "/box";
inline constexpr char kWorkName[] = "work";  // working folder
inline constexpr char kTmpName[] = "tmp";    // /tmp points here
inline constexpr char kShmName[] = "shm";    // /dev/shm points here
inline constexpr char kHomeName[] = "home";  // HOME

// RLIMIT_NPROC of a box above the processes it is allowed. Process 1 is one. The others make a task too many possible, so that it is seen
// and gets its verdict. One would do, but the kernel adds a fork to the count before it looks at the limit: forks that are refused at the
// same moment push each other over it, and a bomb then ends below the limit plus one.
inline constexpr uint64_t kTaskSlack = 9;

// Followed by filter_count seccomp instructions of 8 bytes, then argv_count + env_count texts, each ended by a zero byte.
struct BoxSetup {
  uint64_t argv_count;
  uint64_t env_count;
  uint64_t filter_count;
  uint64_t max_tasks;    // RLIMIT_NPROC; includes process 1
  uint64_t cpu_seconds;  // RLIMIT_CPU of each process: a backstop, the host watches the tree
  uint64_t file_bytes;   // RLIMIT_FSIZE
};

enum class BoxEvent : uint32_t {
  kNone = 0,
  kReady,       // box -> host, with two descriptors: the scratch folder and the box's /proc
  kGo,          // host -> box: start the program
  kExecFailed,  // value: errno of execve
  kEnded,       // value: wait status of the program; cpu_us: of all its reaped descendants
  kBroken,      // value: errno; step: what process 1 was doing
};

struct BoxMessage {
  BoxEvent event;
  int32_t value;
  int64_t cpu_us;
  int64_t max_rss_kib;     // of the largest single process that ended
  int64_t peak_processes;  // most that existed at a time, as seen before any was waited for; without process 1
  char step[32];
};

}  // namespace aicoder::box
