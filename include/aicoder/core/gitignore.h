// The common part of .gitignore: patterns with * ? **, a leading or trailing slash, and negation with !.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aicoder {

class GitIgnore {
 public:
  /// Adds the patterns of a .gitignore in `folder` (relative, "" for the root). Later patterns win, as in git.
  void add(std::string_view folder, std::string_view text);
  bool ignores(std::string_view path, bool is_dir) const;

 private:
  struct Pattern {
    std::string base, glob;
    bool negated = false, dir_only = false, anchored = false;
  };
  std::vector<Pattern> patterns_;
};

/// `*` and `?` stop at a slash, `**` does not.
bool glob_match(std::string_view glob, std::string_view text);

}  // namespace aicoder
