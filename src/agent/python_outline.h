// The outline of a Python file: top-level pieces, methods, imports, signatures. Read from tokens, so a "def" in a string does not count.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace aicoder::agent {

struct PythonPiece {
  enum class Kind { kFunction, kClass, kImport, kAssignment, kMain, kOther };
  Kind kind = Kind::kOther;
  std::string name;           ///< of a function, class or assigned variable
  size_t begin = 0, end = 0;  ///< of the whole piece with its decorators and the comments right above
  size_t line = 1;            ///< of its first token, 1-based
};

/// Top-level statements in order. Text that is no Python gives pieces of kind kOther.
std::vector<PythonPiece> outline(std::string_view text);

/// The statements one level inside a class or function piece.
std::vector<PythonPiece> inner_outline(std::string_view text, const PythonPiece& piece);

/// "hash_password", "UserStore", "UserStore.add": what a file defines.
std::set<std::string> defined_names(std::string_view text);

/// Modules a file imports, dotted: "app.users", "hashlib"; relative imports keep their dots.
std::vector<std::string> imported_modules(std::string_view text);

/// Imports, assignments on one line, and the signatures with first docstring lines; bodies become "...".
std::string signatures_only(std::string_view text);

/// The original with the answer's functions, classes, methods and imports put in: small models often write only what they changed.
std::string merge_python(std::string_view original, std::string_view answer);

/// True when the answer leaves out what the original defines or says so ("# rest of the code"): then it is to be merged, not taken whole.
bool is_partial_answer(std::string_view original, std::string_view answer);

}  // namespace aicoder::agent
