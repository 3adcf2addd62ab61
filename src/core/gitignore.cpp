#include "aicoder/core/gitignore.h"

#include <algorithm>

namespace aicoder {

bool glob_match(std::string_view glob, std::string_view text) {
  // Two places to go back to: after the last `*` and after the last `**`. Linear in practice, never exponential.
  size_t g = 0, t = 0;
  size_t star = std::string_view::npos, star_text = 0, deep = std::string_view::npos, deep_text = 0;
  while (t < text.size()) {
    if (glob.substr(g).starts_with("**")) {
      g += 2;
      if (g < glob.size() && glob[g] == '/') ++g;  // "**/x" also matches "x"
      deep = g;
      deep_text = t;
      star = std::string_view::npos;
    } else if (g < glob.size() && glob[g] == '*') {
      star = ++g;
      star_text = t;
    } else if (g < glob.size() && (glob[g] == text[t] || (glob[g] == '?' && text[t] != '/'))) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos && text[star_text] != '/') {
      g = star;
      t = ++star_text;
    } else if (deep != std::string_view::npos) {
      g = deep;
      t = ++deep_text;
      star = std::string_view::npos;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

void GitIgnore::add(std::string_view folder, std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == '\t')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    Pattern pattern;
    pattern.base = std::string(folder);
    if (line.front() == '!') {
      pattern.negated = true;
      line.remove_prefix(1);
    }
    if (line.ends_with('/')) {
      pattern.dir_only = true;
      line.remove_suffix(1);
    }
    pattern.anchored = line.find('/') != std::string_view::npos;
    if (line.starts_with('/')) line.remove_prefix(1);
    if (line.empty()) continue;
    pattern.glob = std::string(line);
    patterns_.push_back(std::move(pattern));
  }
}

bool GitIgnore::ignores(std::string_view path, bool is_dir) const {
  bool ignored = false;
  for (const Pattern& pattern : patterns_) {
    if (pattern.dir_only && !is_dir) continue;
    std::string_view inside = path;
    if (!pattern.base.empty()) {
      if (!path.starts_with(pattern.base + "/")) continue;
      inside = path.substr(pattern.base.size() + 1);
    }
    std::string_view subject =
        pattern.anchored ? inside : inside.substr(inside.rfind('/') == std::string_view::npos ? 0 : inside.rfind('/') + 1);
    if (glob_match(pattern.glob, subject)) ignored = !pattern.negated;
  }
  return ignored;
}

}  // namespace aicoder
