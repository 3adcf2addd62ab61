// What a source file of C, C++, JavaScript, TypeScript, Go or Rust defines and which files of the project it takes in. By patterns over the
// text without strings and comments: good enough to find what belongs together, not a parser.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/workspace.h"

namespace aicoder::agent {

/// True for the languages of language_of that this file knows: "c", "c++", "javascript", "typescript", "go", "rust".
bool is_c_like(std::string_view language);

/// The text with comments turned to spaces and, with `blank_strings`, the contents of strings too. Same length, same lines.
std::string without_comments(std::string_view source, std::string_view language, bool blank_strings);

/// Functions, methods and types: "login", "UserStore". Without what only control words look like.
std::set<std::string> defined_symbols(std::string_view source, std::string_view language);

/// Files of the project that `path` takes in: includes and the source beside an included header, imports by relative path, Go files of the
/// same or an imported folder, Rust modules.
std::set<std::string> taken_in_files(const std::string& path, std::string_view source, std::string_view language,
                                     const std::map<std::string, SnapshotFile>& files);

/// "// ... rest of the code", "/* existing methods */": a comment that says that something is left out.
bool leaves_something_out(std::string_view source);

}  // namespace aicoder::agent
