// sessions, undo. `resume` is in cmd_chat.cpp.
#include <fmt/format.h>

#include "aicoder/agent.h"
#include "cli/json_format.h"

namespace aicoder::cli {

void add_sessions(CLI::App& app, Runtime& runtime) {
  app.add_subcommand("sessions", "List earlier runs and chats")->callback([&runtime] {
    runtime.action = [&runtime] {
      Json list = Json::array();
      std::string text = fmt::format("{:<22} {:<5} {:>5}  {:<20} {}\n", "ID", "KIND", "TURNS", "MODEL", "TITLE");
      for (const auto& session : list_sessions()) {
        list.push_back(to_json(session));
        text += fmt::format("{:<22} {:<5} {:>5}  {:<20} {}\n", session.id, session.kind, session.turns, session.model, session.title);
      }
      if (list.empty()) text = "no sessions yet\n";
      return runtime.finish({{"sessions", list}}, text);
    };
  });

  const auto dir = std::make_shared<std::string>(".");
  auto* undo = app.add_subcommand("undo", "Take back the last applied run of a folder");
  undo->add_option("--dir", *dir, "The project folder")->capture_default_str();
  undo->callback([=, &runtime] {
    runtime.action = [=, &runtime] {
      const auto files = undo_changes(*dir);
      return runtime.finish({{"restored", files}}, fmt::format("restored: {}", fmt::join(files, ", ")));
    };
  });
}

}  // namespace aicoder::cli
