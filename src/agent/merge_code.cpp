#include <algorithm>
#include <cctype>
#include <map>

#include "agent/python_outline.h"

namespace aicoder::agent {
namespace {

using Kind = PythonPiece::Kind;

std::string_view text_of(std::string_view text, const PythonPiece& piece) { return text.substr(piece.begin, piece.end - piece.begin); }

std::string_view strip_end(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

/// The blank lines that closed a piece, so that the file keeps its spacing.
std::string_view tail_of(std::string_view piece) { return piece.substr(strip_end(piece).size()); }

const PythonPiece* find(const std::vector<PythonPiece>& pieces, Kind kind, std::string_view name) {
  auto it = std::find_if(pieces.begin(), pieces.end(), [&](const PythonPiece& p) { return p.kind == kind && p.name == name; });
  return it == pieces.end() ? nullptr : &*it;
}

/// "# ... rest of the code", "# existing methods": the answer says that something is left out.
bool says_left_out(std::string_view line) {
  size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return false;
  line.remove_prefix(first);
  if (strip_end(line) == "...") return first == 0;
  if (!line.starts_with('#')) return false;
  std::string lower(line);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (std::string_view words :
       {"rest of", "existing code", "remaining", "unchanged", "same as before", "other methods", "other functions", "existing"}) {
    if (lower.find(words) != std::string::npos && (lower.find("...") != std::string::npos || words != "existing")) return true;
  }
  return strip_end(lower) == "# ...";
}

std::string without_elisions(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    if (!says_left_out(text.substr(at, end - at))) out += std::string(text.substr(at, end - at)) + "\n";
    at = end + 1;
  }
  return out;
}

std::string merge_class(std::string_view original, const PythonPiece& old_class, std::string_view answer, const PythonPiece& new_class) {
  auto old_methods = inner_outline(original, old_class), new_methods = inner_outline(answer, new_class);
  bool complete = std::all_of(old_methods.begin(), old_methods.end(), [&](const PythonPiece& m) {
    return m.kind != Kind::kFunction || find(new_methods, Kind::kFunction, m.name) != nullptr;
  });
  if (complete || old_methods.empty() || new_methods.empty()) return std::string(strip_end(text_of(answer, new_class)));
  std::string out(original.substr(old_class.begin, old_methods.front().begin - old_class.begin));
  for (const PythonPiece& method : old_methods) {
    const PythonPiece* replacement = method.kind == Kind::kFunction ? find(new_methods, Kind::kFunction, method.name) : nullptr;
    if (replacement != nullptr) {
      out += std::string(strip_end(text_of(answer, *replacement))) + std::string(tail_of(text_of(original, method)));
    } else {
      out += std::string(text_of(original, method));
    }
  }
  out = std::string(strip_end(out));
  for (const PythonPiece& method : new_methods) {
    bool is_new = method.kind == Kind::kFunction && find(old_methods, Kind::kFunction, method.name) == nullptr;
    if (is_new) out += "\n\n" + std::string(strip_end(text_of(answer, method)));
  }
  return out;
}

}  // namespace

bool is_partial_answer(std::string_view original, std::string_view answer) {
  for (size_t at = 0; at < answer.size();) {
    size_t end = std::min(answer.find('\n', at), answer.size());
    if (says_left_out(answer.substr(at, end - at))) return true;
    at = end + 1;
  }
  auto before = defined_names(original), after = defined_names(answer);
  return std::any_of(before.begin(), before.end(), [&](const std::string& name) { return !after.contains(name); });
}

std::string merge_python(std::string_view original, std::string_view raw_answer) {
  std::string answer = without_elisions(raw_answer);
  auto old_pieces = outline(original), new_pieces = outline(answer);
  std::map<size_t, std::string> replaced;  // index of an old piece -> its new text
  std::string imports, assignments, definitions;
  for (const PythonPiece& piece : new_pieces) {
    std::string_view text = strip_end(text_of(answer, piece));
    if (piece.kind == Kind::kImport) {
      bool known = std::any_of(old_pieces.begin(), old_pieces.end(),
                               [&](const PythonPiece& p) { return p.kind == Kind::kImport && strip_end(text_of(original, p)) == text; });
      if (!known) imports += std::string(text) + "\n";
    } else if (piece.kind == Kind::kFunction || piece.kind == Kind::kClass) {
      const PythonPiece* old = find(old_pieces, piece.kind, piece.name);
      if (old == nullptr) {
        definitions += "\n\n" + std::string(text) + "\n";
      } else {
        std::string merged = piece.kind == Kind::kClass ? merge_class(original, *old, answer, piece) : std::string(text);
        replaced[static_cast<size_t>(old - old_pieces.data())] = merged + std::string(tail_of(text_of(original, *old)));
      }
    } else if (piece.kind == Kind::kAssignment && find(old_pieces, Kind::kAssignment, piece.name) == nullptr) {
      assignments += std::string(text) + "\n";
    }
  }
  size_t last_import = old_pieces.size();
  for (size_t i = 0; i < old_pieces.size(); ++i) {
    if (old_pieces[i].kind == Kind::kImport) last_import = i;
  }
  bool doc_first = !old_pieces.empty() && old_pieces[0].kind == Kind::kOther;  // the module's docstring
  std::string out(old_pieces.empty() ? original : original.substr(0, old_pieces.front().begin));
  bool placed = imports.empty() && assignments.empty();
  auto place = [&] {
    if (placed) return;
    placed = true;
    out += imports + (assignments.empty() ? "" : "\n" + assignments) + "\n";
  };
  bool definitions_placed = definitions.empty();
  if (last_import == old_pieces.size() && !doc_first) place();
  for (size_t i = 0; i < old_pieces.size(); ++i) {
    if (old_pieces[i].kind == Kind::kMain && !definitions_placed) {
      definitions_placed = true;
      out = std::string(strip_end(out)) + "\n" + definitions + "\n\n";
    }
    auto it = replaced.find(i);
    std::string text = it != replaced.end() ? it->second : std::string(text_of(original, old_pieces[i]));
    bool here = i == last_import || (last_import == old_pieces.size() && doc_first && i == 0);
    if (here && !placed) {
      std::string tail(tail_of(text));
      out += std::string(strip_end(text)) + "\n";
      place();
      out = std::string(strip_end(out)) + (tail.size() > 1 ? tail : "\n\n\n");
    } else {
      out += text;
    }
  }
  if (!definitions_placed) out = std::string(strip_end(out)) + "\n" + definitions;
  return std::string(strip_end(out)) + "\n";
}

}  // namespace aicoder::agent
