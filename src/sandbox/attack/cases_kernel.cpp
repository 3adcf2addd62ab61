#include <fcntl.h>
#include <unistd.h>

#include <thread>

#include "sandbox/attack/cases.h"

namespace aicoder::attack {

void add_kernel_cases(Cases& cases) {
  const auto add = [&cases](Case one) { cases.push_back(std::move(one)); };
  add({"kernel.ptrace", "traces a process and reads its memory", "trace_child"});
  add({"kernel.ptrace_me", "asks to be traced", "trace_me"});
  add({"kernel.ptrace_watcher", "traces the process that watches over it", "trace_process", {}, false, [](Scene& scene, Firing& firing) {
         firing.args = {firing.inside ? "1" : std::to_string(scene.victim())};
       }});
  add({"kernel.process_vm_readv", "reads another process's memory", "read_other_memory"});
  add({"kernel.process_vm_writev", "writes another process's memory", "write_other_memory"});
  add({"kernel.pidfd_getfd", "takes a descriptor out of another process", "steal_descriptor"});
  add({"kernel.keys", "stores a key in the kernel and reads it back", "add_key"});
  add({"kernel.session_keyring", "reaches the keys of the user's session", "session_keyring"});
  add({"kernel.io_uring", "gets a ring whose calls no filter sees", "io_uring"});
  add({"kernel.bpf", "makes a BPF map", "bpf_map"});
  add({"kernel.perf", "measures by perf_event_open", "perf_event"});
  add({"kernel.userfaultfd", "handles its own page faults", "user_fault_fd"});
  add({"kernel.calls_32_bit", "makes a call by the 32-bit door", "call_of_32_bit"});
  add({"kernel.calls_x32", "makes a call by the x32 door", "call_of_x32"});
  add({"kernel.kcmp", "compares what two processes share", "compare_processes"});
  add({"kernel.fanotify", "watches file systems by fanotify", "watch_files"});
  add({"kernel.log", "reads the kernel's log", "read_kernel_log"});
  add({"kernel.segments", "changes its table of segments (modify_ldt)", "local_descriptor_table"});
  add({"kernel.move_pages", "asks where its pages lie", "move_pages"});
  add({"kernel.process_madvise", "takes pages from another process", "advise_another"});
  add({"kernel.legacy", "makes a call that only very old programs use (sysfs)", "legacy_call"});
  add({"kernel.memory_file", "makes a file without a name (memfd)", "memory_file"});
  add({"kernel.secret_memory", "takes memory that the kernel itself cannot see", "secret_memory"});
  add({"kernel.shared_anonymous", "maps memory that belongs to no process alone", "shared_anonymous"});
  add({"kernel.huge_pages", "maps pages that no process's size counts", "huge_pages"});
  add({"kernel.spy_by_inotify",
       "sees which programs the host opens, through the folder both share",
       "spy_on_files",
       {"/usr/bin"},
       false,
       {},
       {},
       [](Scene& scene, Firing& firing) {
         std::atomic<bool> over = false;
         std::thread host([&over] {  // what any user of the machine does
           while (!over) {
             if (const box::UniqueFd fd(::open("/usr/bin/env", O_RDONLY | O_CLOEXEC)); fd) ::usleep(20'000);
           }
         });
         fire(scene, firing);
         over = true;
         host.join();
       }});
}

}  // namespace aicoder::attack
