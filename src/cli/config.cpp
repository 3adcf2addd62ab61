#include "cli/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

namespace aicoder::cli {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& file, const toml::source_region& place, const std::string& why) {
  throw Error(ErrorCode::kInvalidArgument, fmt::format("[config] {} line {}: {}", file.string(), place.begin.line, why),
              "edit " + file.string() + " (docs/configuration.md lists the keys)");
}

class Reader {
 public:
  Reader(const std::filesystem::path& file, const std::string& key, const toml::node& node) : file_(file), key_(key), node_(node) {}

  std::string text() const {
    if (auto value = node_.value_exact<std::string>()) return *value;
    refuse(file_, node_.source(), fmt::format("'{}' must be a string", key_));
  }
  int64_t integer(int64_t low, int64_t high) const {
    const auto value = node_.value_exact<int64_t>();
    if (!value || *value < low || *value > high) {
      refuse(file_, node_.source(), fmt::format("'{}' must be a whole number from {} to {}", key_, low, high));
    }
    return *value;
  }
  size_t size(int64_t low, int64_t high) const { return static_cast<size_t>(integer(low, high)); }

 private:
  const std::filesystem::path& file_;
  const std::string& key_;
  const toml::node& node_;
};

}  // namespace

Config load_config(const std::filesystem::path& file) {
  Config config;
  if (!std::filesystem::exists(file)) return config;
  config.path = file;
  toml::table table;
  try {
    table = toml::parse(read_file(file, 1 << 20), file.string());
  } catch (const toml::parse_error& error) {
    refuse(file, error.source(), std::string(error.description()));
  }
  using Set = std::function<void(const Reader&)>;
  constexpr int64_t kMaxMegabytes = 1 << 20;
  const auto megabytes = [](const Reader& r) { return static_cast<uint64_t>(r.integer(1, kMaxMegabytes)) << 20; };
  const auto seconds = [](const Reader& r) { return std::chrono::milliseconds(r.integer(1, 86400) * 1000); };
  const std::map<std::string, Set> known = {
      {"model", [&](const Reader& r) { config.model = r.text(); }},
      {"colour", [&](const Reader& r) { config.colour = r.text(); }},
      {"threads", [&](const Reader& r) { config.n_threads = static_cast<int>(r.integer(0, 1024)); }},
      {"context", [&](const Reader& r) { config.n_ctx = r.size(256, 1 << 22); }},
      {"gpu_layers", [&](const Reader& r) { config.n_gpu_layers = static_cast<int>(r.integer(-1, 1000)); }},
      {"agent.candidates", [&](const Reader& r) { config.n_candidates = r.size(1, 64); }},
      {"agent.repairs", [&](const Reader& r) { config.max_repairs = r.size(0, 2); }},
      {"agent.max_tokens", [&](const Reader& r) { config.max_tokens = r.size(16, 1 << 16); }},
      {"sandbox.cpu_seconds", [&](const Reader& r) { config.limits.cpu = seconds(r); }},
      {"sandbox.wall_seconds", [&](const Reader& r) { config.limits.wall = seconds(r); }},
      {"sandbox.memory_mb", [&](const Reader& r) { config.limits.memory_bytes = megabytes(r); }},
      {"sandbox.processes", [&](const Reader& r) { config.limits.processes = r.size(1, 4096); }},
      {"sandbox.scratch_mb", [&](const Reader& r) { config.limits.scratch_bytes = megabytes(r); }},
      {"sandbox.output_kb", [&](const Reader& r) { config.limits.output_bytes = static_cast<uint64_t>(r.integer(1, 1 << 20)) << 10; }},
  };
  const auto apply = [&](const std::string& key, const toml::node& node) {
    if (key.starts_with("roles.")) {
      config.roles[key.substr(6)] = Reader(file, key, node).text();
      return;
    }
    const auto it = known.find(key);
    if (it == known.end()) refuse(file, node.source(), fmt::format("unknown key '{}'", key));
    it->second(Reader(file, key, node));
  };
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (const auto* section = node.as_table()) {
      for (const auto& [inner, value] : *section) apply(name + "." + std::string(inner.str()), value);
    } else {
      apply(name, node);
    }
  }
  if (config.colour != "auto" && config.colour != "always" && config.colour != "never") {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[config] {}: colour is '{}', expected auto, always or never", file.string(), config.colour),
                "edit " + file.string());
  }
  return config;
}

}  // namespace aicoder::cli
