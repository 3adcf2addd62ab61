// Fenced code blocks of a model's answer, tolerantly: small models forget the closing fence, indent fences, use tildes, name the
// file in the fence line, in a heading or in a first comment.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace aicoder::agent {

struct CodeBlock {
  std::string language;  ///< lower case; empty when the fence names none
  std::string path;      ///< a file name near the fence; empty when there is none
  std::string text;      ///< ends with one newline
  bool closed = true;
};
std::vector<CodeBlock> find_code_blocks(std::string_view answer);

/// True when the text could be a Python program: brackets and strings close, statements begin as statements do. Cheap and
/// approximate; the sandbox compiles what matters.
bool looks_like_python(std::string_view text);

/// A path a model may write to: relative, inside, no hidden folder, no odd characters. Empty when it is not one.
std::string clean_relative_path(std::string_view path);

/// Files of an answer. `asked` are the paths the prompt asked for; a block without a path is the one asked file.
std::map<std::string, std::string> extract_files(std::string_view answer, const std::vector<std::string>& asked);

/// Import lines of the task's own code that the answer's code uses but forgot, put before it: `from typing import List`.
std::string complete_imports(std::string_view task, std::string_view code);

}  // namespace aicoder::agent
