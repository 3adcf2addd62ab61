// Commands of the design that later work builds: they answer plainly instead of not being there.
#include <array>

#include "cli/runtime.h"

namespace aicoder::cli {

void add_not_built_yet(CLI::App& app, Runtime& runtime) {
  struct Planned {
    const char *name, *about;
  };
  static constexpr std::array<Planned, 2> kPlanned = {
      {{"worker", "Lend this machine to another aicoder"}, {"route", "Train and explain the router"}}};
  for (const auto& planned : kPlanned) {
    auto* command = app.add_subcommand(planned.name, std::string(planned.about) + " (not built yet)");
    command->allow_extras()->fallthrough(false);  // whatever arguments the built one will take
    command->group("Not built yet");
    command->callback([&runtime, name = planned.name] {
      runtime.action = [name]() -> int {
        throw Error(ErrorCode::kUnimplemented, std::string("[") + name + "] this command is planned and not built yet",
                    "see CHANGELOG.md for what is there");
      };
    });
  }
}

}  // namespace aicoder::cli
