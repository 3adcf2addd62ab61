// The rules of who may include what, as functions over text, so that the rules themselves can be tested on bad examples.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace aicoder::test {

/// Module -> the modules it names as its own; what those may use comes with it.
using ModuleTable = std::map<std::string, std::set<std::string>>;

/// The table with everything reachable filled in. A module may always include itself.
ModuleTable with_everything_reachable(const ModuleTable& direct);

/// A module that reaches itself over others, or names one that is not in the table: one sentence each.
std::vector<std::string> table_problems(const ModuleTable& direct);

/// The module a file belongs to: "src/model/x.cpp" and "include/aicoder/model.h" are "model", "apps/x.cpp" is "apps"; "" otherwise.
std::string module_of(std::string_view path);

/// What is wrong with one file, one sentence each.
/// \param path        relative to the root, with '/'
/// \param text        its content
/// \param reachable   from with_everything_reachable()
std::vector<std::string> include_problems(std::string_view path, std::string_view text, const ModuleTable& reachable);

/// What is wrong with the USES list of src/MODULE/CMakeLists.txt: a link that the table does not allow.
std::vector<std::string> uses_problems(std::string_view module, std::string_view cmake_text, const ModuleTable& reachable);

}  // namespace aicoder::test
