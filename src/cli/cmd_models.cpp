// pull, models, models rm, cache prune.
#include <fmt/format.h>

#include "aicoder/store.h"
#include "cli/runtime.h"

namespace aicoder::cli {
namespace {

int pull(Runtime& runtime, const std::string& name, bool force) {
  const auto result = ModelStore().pull(name, {.progress = runtime.progress(), .stop = runtime.interrupt.token(), .force = force});
  return runtime.finish(
      {{"path", result.path.string()}, {"sha256", result.sha256}, {"bytes", result.bytes}, {"already_there", result.already_there}},
      fmt::format("{} {} ({}, sha256 {} verified)", result.already_there ? "already there:" : "pulled to", result.path.string(),
                  human_bytes(static_cast<double>(result.bytes)), result.sha256.substr(0, 12)));
}

int list(Runtime& runtime) {
  const auto installed = ModelStore().installed();
  Json models = Json::array();
  std::string table = fmt::format("{:<24} {:>9}  {:<10} {}\n", "NAME", "SIZE", "STATE", "LICENCE");
  const auto row = [&](const std::string& name, const InstalledModel* found, uint64_t bytes, const std::string& licence) {
    models.push_back({{"name", name},
                      {"installed", found != nullptr},
                      {"bytes", bytes},
                      {"licence", licence},
                      {"path", found != nullptr ? Json(found->path.string()) : Json()}});
    table += fmt::format("{:<24} {:>9}  {:<10} {}\n", name, human_bytes(static_cast<double>(bytes)), found != nullptr ? "installed" : "-",
                         licence);
  };
  for (const auto& entry : model_catalog()) {
    const auto it = std::find_if(installed.begin(), installed.end(), [&](const auto& m) { return m.name == entry.name; });
    row(entry.name, it != installed.end() ? &*it : nullptr, it != installed.end() ? it->bytes : entry.bytes, entry.licence);
  }
  for (const auto& model : installed) {
    if (find_model(model.name) == nullptr) row(model.name, &model, model.bytes, model.licence);
  }
  if (runtime.terminal.stdout_is_terminal()) table += runtime.terminal.paint(Colour::kDim, "get one: aicoder pull NAME\n");
  return runtime.finish({{"models", models}}, table);
}

}  // namespace

void add_models(CLI::App& app, Runtime& runtime) {
  struct Args {
    std::string name, remove_name;
    bool force = false;
  };
  const auto args = std::make_shared<Args>();
  auto* pull_command = app.add_subcommand("pull", "Fetch a model of the catalog, verified by its hash; resumes");
  add_examples(*pull_command, {"pull qwen2.5-coder-1.5b", "models"});
  pull_command->add_option("name", args->name, "Catalog name, see `aicoder models`")->required();
  pull_command->add_flag("--force", args->force, "Fetch again although it is there");
  pull_command->callback([=, &runtime] { runtime.action = [=, &runtime] { return pull(runtime, args->name, args->force); }; });

  auto* models = app.add_subcommand("models", "List models: the catalog, and what is on this machine");
  models->require_subcommand(0, 1);
  auto* rm = models->add_subcommand("rm", "Remove a pulled model");
  rm->add_option("name", args->remove_name, "Catalog name")->required();
  models->callback([=, &runtime] {
    if (!runtime.action) runtime.action = [&runtime] { return list(runtime); };
  });
  rm->callback([=, &runtime] {
    runtime.action = [=, &runtime] {
      const uint64_t bytes = ModelStore().remove(args->remove_name);
      return runtime.finish({{"removed", args->remove_name}, {"bytes", bytes}},
                            fmt::format("removed {}, {} freed", args->remove_name, human_bytes(static_cast<double>(bytes))));
    };
  });

  auto* cache = app.add_subcommand("cache", "What may be deleted without loss");
  cache->require_subcommand(1);
  cache->add_subcommand("prune", "Delete left-overs of interrupted pulls")->callback([&runtime] {
    runtime.action = [&runtime] {
      const uint64_t bytes = ModelStore().prune();
      return runtime.finish({{"bytes", bytes}}, human_bytes(static_cast<double>(bytes)) + " freed");
    };
  });
}

}  // namespace aicoder::cli
