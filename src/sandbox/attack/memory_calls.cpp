// Memory that belongs to no process, or to no file with a name.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/attack/program.h"

namespace aicoder::attack {
namespace {

int memory_file(const Args& args) {
  attempt();
  const int fd = static_cast<int>(::syscall(SYS_memfd_create, "x", 0));
  return effect_if(args, fd >= 0 && ::ftruncate(fd, 1 << 20) == 0);
}

int secret_memory(const Args& args) {
  attempt();
  return effect_if(args, ::syscall(447 /* memfd_secret */, 0) >= 0);
}

int shared_anonymous(const Args& args) {
  attempt();
  return effect_if(args, ::mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

int huge_pages(const Args& args) {
  attempt();
  return effect_if(args, ::mmap(nullptr, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) != MAP_FAILED);
}

constexpr Entry kEntries[] = {
    {"memory_file", memory_file}, {"secret_memory", secret_memory}, {"shared_anonymous", shared_anonymous}, {"huge_pages", huge_pages}};

}  // namespace

Entries memory_call_attacks() { return {kEntries, sizeof kEntries / sizeof kEntries[0]}; }

}  // namespace aicoder::attack
