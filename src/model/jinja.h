// Our Jinja subset: renders the chat templates that GGUF files carry, as transformers renders them with Jinja2 (trim_blocks,
// lstrip_blocks, sandboxed). What it does not understand it refuses by name and line; it never guesses.
//
//   auto text = jinja::Template::parse(source).render({{"messages", messages}, {"add_generation_prompt", jinja::Value(true)}});
//
// Templates come from files of strangers: depth, steps and bytes are limited. Scope: docs/decisions/0004-chat-templates.md.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/jinja_value.h"

namespace aicoder::jinja {

struct Limits {
  size_t max_source_bytes = size_t{1} << 20;
  size_t max_output_bytes = size_t{64} << 20;
  /// One step: an evaluated node, an item visited, or 16 bytes of text made. Bounds time and memory together: the default is a few
  /// seconds and at most some hundred MB, and a conversation of 1 MB takes under 1 % of it.
  size_t max_steps = 20'000'000;
};

struct TemplateNode;  // jinja_ast.h

class Template {
 public:
  /// \throws Error(kUnimplemented) for a construct outside the subset or a broken template, naming it and its line;
  /// kResourceExhausted for a source or nesting beyond the limits.
  static Template parse(std::string_view source, const Limits& limits = {});
  Template(Template&&) noexcept;
  ~Template();

  /// Names the template sees, beside range, namespace, dict, raise_exception and strftime_now.
  using Variables = std::vector<std::pair<std::string, Value>>;
  /// \throws Error kInvalidArgument (the template calls raise_exception, or uses a value as its kind does not allow),
  /// kUnimplemented (outside the subset), kResourceExhausted (limits); all name the line.
  std::string render(const Variables& variables) const;

 private:
  Template(std::unique_ptr<const TemplateNode> root, const Limits& limits);
  std::unique_ptr<const TemplateNode> root_;
  Limits limits_;
};

}  // namespace aicoder::jinja
