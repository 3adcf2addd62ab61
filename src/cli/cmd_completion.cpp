// completion bash|zsh|fish, written from the commands themselves.
#include <fmt/format.h>

#include "cli/runtime.h"

namespace aicoder::cli {
namespace {

struct Node {
  std::string path;  ///< "fragment build"
  std::vector<std::string> words;
};

void collect(const CLI::App& app, const std::string& path, std::vector<Node>& out) {
  Node node{path, {}};
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) node.words.push_back(command->get_name());
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) node.words.push_back("--" + name);
  }
  node.words.emplace_back("--json");
  out.push_back(std::move(node));
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    collect(*command, path.empty() ? command->get_name() : path + " " + command->get_name(), out);
  }
}

std::string bash_script(const std::vector<Node>& nodes) {
  std::string cases;
  for (const auto& node : nodes) cases += fmt::format("    '{}') words='{}' ;;\n", node.path, fmt::join(node.words, " "));
  return "_aicoder() {\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} path='' word words=''\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    case $word in -*) ;; *) case \" $(_aicoder_words \"$path\") \" in *\" $word \"*) path=\"${path:+$path }$word\" ;; esac ;; "
         "esac\n"
         "  done\n"
         "  words=$(_aicoder_words \"$path\")\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n"
         "}\n"
         "_aicoder_words() {\n"
         "  local words=''\n"
         "  case $1 in\n" +
         cases +
         "  esac\n"
         "  echo \"$words\"\n"
         "}\n"
         "complete -F _aicoder aicoder\n";
}

std::string fish_script(const std::vector<Node>& nodes) {
  std::string out;
  for (const auto& node : nodes) {
    std::string condition =
        node.path.empty() ? "__fish_use_subcommand" : "__fish_seen_subcommand_from " + node.path.substr(node.path.rfind(' ') + 1);
    for (const auto& word : node.words) {
      out += word.starts_with("--") ? fmt::format("complete -c aicoder -n '{}' -l {}\n", condition, word.substr(2))
                                    : fmt::format("complete -c aicoder -f -n '{}' -a {}\n", condition, word);
    }
  }
  return out;
}

}  // namespace

void add_completion(CLI::App& app, Runtime& runtime) {
  auto* command = app.add_subcommand("completion", "Print shell completion: source <(aicoder completion bash)");
  const auto shell = std::make_shared<std::string>("bash");
  command->add_option("shell", *shell, "bash, zsh or fish")->check(CLI::IsMember({"bash", "zsh", "fish"}))->capture_default_str();
  command->callback([=, &app, &runtime] {
    runtime.action = [=, &app, &runtime] {
      std::vector<Node> nodes;
      collect(app, "", nodes);
      std::string script = *shell == "fish" ? fish_script(nodes) : bash_script(nodes);
      if (*shell == "zsh") script = "autoload -U +X bashcompinit && bashcompinit\n" + script;
      return runtime.finish({{"shell", *shell}, {"script", script}}, script);
    };
  });
}

}  // namespace aicoder::cli
