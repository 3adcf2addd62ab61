// doctor: what this machine has, what is missing, and the command that mends it.
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "aicoder/fragment.h"
#include "aicoder/store.h"
#include "cli/runtime.h"

namespace aicoder::cli {
namespace {

std::string cpu_name() {
  std::string name = "unknown";
  try {
    for_each_line("/proc/cpuinfo", [&](size_t, std::string_view line) {
      if (name == "unknown" && line.starts_with("model name")) name = line.substr(std::min(line.find(": ") + 2, line.size()));
    });
  } catch (const Error&) {
    // another kernel or a closed /proc: the name is only for the reader
  }
  return name;
}

uint64_t disk_free(std::filesystem::path dir) {
  std::error_code ignored;
  while (!dir.empty() && !std::filesystem::exists(dir, ignored)) dir = dir.parent_path();
  struct statvfs info{};
  return ::statvfs(dir.c_str(), &info) == 0 ? static_cast<uint64_t>(info.f_bavail) * info.f_frsize : 0;
}

struct Check {
  std::string name;
  bool ok;
  std::string fix;
};

}  // namespace

void add_doctor(CLI::App& app, Runtime& runtime) {
  auto* command = app.add_subcommand("doctor", "Check this machine: engine, sandbox, models, disk; each problem with its fix");
  command->callback([&runtime] {
    runtime.action = [&runtime] {
      const auto sandbox = probe_sandbox();
      const auto memory = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGE_SIZE));
      const uint64_t disk = disk_free(data_dir());
      const ModelStore store;
      const auto installed = store.installed();
      std::vector<Check> checks;
      const std::string wanted = runtime.config.model;
      bool have_model = false;
      try {
        (void)store.resolve(wanted);
        have_model = true;
      } catch (const Error&) {
      }
      checks.push_back({"model " + wanted, have_model, have_model ? "" : "aicoder pull " + wanted});
      checks.push_back({"memory for " + wanted, memory > (uint64_t{3} << 30),
                        memory > (uint64_t{3} << 30) ? "" : "use a smaller model: aicoder run -m qwen2.5-coder-0.5b"});
      checks.push_back({"disk space", disk > (uint64_t{2} << 30),
                        disk > (uint64_t{2} << 30) ? "" : "free 2 GB, or point $AICODER_HOME at a larger disk"});
      for (const auto& check : sandbox.checks) checks.push_back({"sandbox: " + check.name, check.ok, check.fix});
      const bool all_ok = std::all_of(checks.begin(), checks.end(), [](const Check& c) { return c.ok; });

      const auto engine = engine_description();
      Json list = Json::array();
      auto& t = runtime.terminal;
      std::string text = fmt::format(
          "cpu       {}, {} threads\nmemory    {}\ndisk      {} free at {}\nengine    {}\nsandbox   {}\nconfig    {}\n\n", cpu_name(),
          usable_cores(), human_bytes(static_cast<double>(memory)), human_bytes(static_cast<double>(disk)), data_dir().string(), engine,
          sandbox.level,
          runtime.config.path.empty() ? "none, defaults (" + (config_dir() / "config.toml").string() + ")" : runtime.config.path.string());
      for (const auto& check : checks) {
        list.push_back({{"name", check.name}, {"ok", check.ok}, {"fix", check.fix}});
        text += fmt::format("{} {}\n", check.ok ? t.paint(Colour::kGreen, "ok  ") : t.paint(Colour::kRed, "FAIL"), check.name);
        if (!check.ok && !check.fix.empty()) text += "     fix: " + check.fix + "\n";
      }
      const int code = sandbox.level == "none" ? kExitNoSandbox : all_ok ? kExitOk : kExitFailed;
      return runtime.finish({{"cpu", cpu_name()},
                             {"threads", usable_cores()},
                             {"memory_bytes", memory},
                             {"disk_free_bytes", disk},
                             {"llama_version", engine},
                             {"sandbox_level", sandbox.level},
                             {"models", installed.size()},
                             {"checks", list}},
                            text, code);
    };
  });
}

}  // namespace aicoder::cli
