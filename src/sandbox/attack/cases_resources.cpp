#include "sandbox/attack/cases.h"

namespace aicoder::attack {
namespace {

// Limits of the boxes here, so that attacks end soon. What is wanted is well above them.
constexpr uint64_t kMemory = uint64_t{64} << 20;

/// `amount` and what follows are the same outside and inside; only inside it lingers with what it has, so that the watcher must have seen
/// it.
Case use_up(std::string name, std::string about, std::string code, const std::string& amount, const std::string& third = "") {
  return {.name = std::move(name), .about = std::move(about), .code = std::move(code), .arrange = [amount, third](Scene&, Firing& firing) {
            firing.args = {amount, firing.inside ? "4000" : "0", third};
            firing.request.limits.memory_bytes = kMemory;
          }};
}

std::string bomb_of_macros() {
  std::string code = "#define A0 1,2,3,4,5,6,7,8,\n";
  for (int i = 1; i <= 18; ++i)
    code += "#define A" + std::to_string(i) + " A" + std::to_string(i - 1) + " A" + std::to_string(i - 1) + "\n";
  return code + "int a[] = { A18 };\n";
}

Case compiler_case(std::string name, std::string about, const std::string& source) {
  return {.name = std::move(name),
          .about = std::move(about),
          .code = "",
          .arrange =
              [source](Scene&, Firing& firing) {
                firing.request.files["bomb.c"] = source;
                firing.argv = {"cc", "-c", "bomb.c", "-o", "bomb.o"};
                firing.request.limits.memory_bytes = uint64_t{128} << 20;
              },
          .effect = [](Scene&, const Firing& firing) { return firing.exit_code == 0; }};
}

}  // namespace

void add_resource_cases(Cases& cases) {
  const auto add = [&cases](Case one) { cases.push_back(std::move(one)); };
  add(use_up("resources.processes", "a hundred processes", "processes", "100"));
  add(use_up("resources.dead_processes", "a hundred processes that nobody waits for", "dead_processes", "100"));
  add(use_up("resources.fork_bomb", "every process starts another", "fork_bomb", "7"));
  add(use_up("resources.threads", "a hundred threads", "threads", "100"));
  add(use_up("resources.memory", "memory of one process", "memory", "160"));
  add(use_up("resources.memory_of_many", "memory of many processes, each below the limit", "memory_of_many", "160", "8"));
  add(use_up("resources.shared_memory", "memory that stays when it is unmapped", "shared_memory", "160"));
  add(use_up("resources.memory_file", "memory in a file without a name", "memory_file_full", "160"));
  add(use_up("resources.page_tables", "memory in page tables", "page_tables", "20000"));
  add(use_up("resources.sockets", "memory in sockets", "sockets", "100", "80"));
  add(use_up("resources.pipes", "memory in pipes", "pipes", "200", "48"));
  add(use_up("resources.locked_memory", "memory that cannot be swapped out", "locked_memory", "1024"));
  add(use_up("resources.files", "files that fill the disk", "files", "64", "512"));
  add(use_up("resources.small_files", "very many empty files", "files", "120000", "0"));
  add(use_up("resources.big_file", "one file that fills the disk", "big_file", "24"));
  add(use_up("resources.sparse_file", "a file of a terabyte that is a hole", "sparse_file", "0"));
  add(use_up("resources.reserved_file", "space of the disk by fallocate", "reserved_file", "64"));
  add(use_up("resources.descriptors", "a thousand open descriptors", "descriptors", "900"));
  add(use_up("resources.queued_signals", "signals that wait", "queued_signals", "3000"));
  for (const char* stream : {"1", "2"}) {
    add(use_up(std::string("resources.flood_") + (stream[0] == '1' ? "stdout" : "stderr"), "endless output without an end of line", "flood",
               "8", stream));
    cases.back().effect = [](Scene&, const Firing& firing) { return firing.out.size() + firing.err.size() > (size_t{4} << 20); };
  }
  add(compiler_case("resources.compiler_output", "a line of source that becomes a huge file", "int a[8 << 20] = {1};\n"));
  add(compiler_case("resources.compiler_memory", "a page of source that needs much memory to compile", bomb_of_macros()));
}

}  // namespace aicoder::attack
