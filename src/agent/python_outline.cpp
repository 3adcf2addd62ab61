#include "agent/python_outline.h"

#include <algorithm>

#include "agent/python_lexer.h"

namespace aicoder::agent {
namespace {

size_t line_start(std::string_view text, size_t at) {
  size_t newline = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  return newline == std::string_view::npos ? 0 : newline + 1;
}

/// The width of the blanks before a token that begins its line; nullopt when something else does.
bool begins_line(std::string_view text, size_t at, size_t& indent) {
  size_t start = line_start(text, at);
  indent = at - start;
  return text.substr(start, indent).find_first_not_of(" \t") == std::string_view::npos;
}

PythonPiece::Kind kind_of(const PythonToken& first, const PythonToken& second) {
  if (first.is("def")) return PythonPiece::Kind::kFunction;
  if (first.is("async") && second.is("def")) return PythonPiece::Kind::kFunction;
  if (first.is("class")) return PythonPiece::Kind::kClass;
  if (first.is("import") || first.is("from")) return PythonPiece::Kind::kImport;
  if (first.is("if") && second.is("__name__")) return PythonPiece::Kind::kMain;
  if (first.kind == TokenKind::kName && !is_python_keyword(first.text) && (second.is("=") || second.is(":")))
    return PythonPiece::Kind::kAssignment;
  return PythonPiece::Kind::kOther;
}

/// Statements in [begin, end) of the given indentation.
std::vector<PythonPiece> pieces_at(std::string_view text, size_t begin, size_t end, size_t indent) {
  std::vector<PythonPiece> pieces;
  PythonLexer lexer(text.substr(0, end), begin);
  bool statement_start = true, decorated = false;
  PythonToken token = lexer.next();
  while (token.kind != TokenKind::kEnd) {
    size_t width = 0;
    bool starts = statement_start && token.kind != TokenKind::kNewline && token.kind != TokenKind::kComment &&
                  begins_line(text, token.begin, width) && width == indent;
    PythonToken next = lexer.next();
    if (starts) {
      bool continuation = token.is("else") || token.is("elif") || token.is("except") || token.is("finally");
      bool decorator = token.is("@");
      if (!continuation && !decorated) {
        pieces.push_back({PythonPiece::Kind::kOther, {}, line_start(text, token.begin), end, 1});
        pieces.back().line =
            static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(token.begin), '\n')) + 1;
      }
      if (!continuation && !decorator && !pieces.empty()) {
        PythonPiece& piece = pieces.back();
        piece.kind = kind_of(token, next);
        if (piece.kind == PythonPiece::Kind::kFunction || piece.kind == PythonPiece::Kind::kClass) {
          PythonToken name = token.is("async") ? lexer.next() : next;
          piece.name = std::string(name.text);
        } else if (piece.kind == PythonPiece::Kind::kAssignment) {
          piece.name = std::string(token.text);
        }
      }
      decorated = decorator;
    }
    statement_start = token.kind == TokenKind::kNewline || (statement_start && token.kind == TokenKind::kComment);
    token = next;
  }
  // A piece ends where the next begins; comments right above a piece go with it.
  for (size_t i = 0; i < pieces.size(); ++i) {
    size_t start = pieces[i].begin;
    while (start > begin) {
      size_t above = line_start(text, start - 1);
      std::string_view line = text.substr(above, start - above);
      size_t first = line.find_first_not_of(" \t");
      if (above < begin || first == std::string_view::npos || first != indent || line[first] != '#' || i == 0) break;
      start = above;
    }
    pieces[i].begin = start;
    if (i > 0) pieces[i - 1].end = start;
  }
  return pieces;
}

std::string_view piece_text(std::string_view text, const PythonPiece& piece) { return text.substr(piece.begin, piece.end - piece.begin); }

std::string_view strip_end(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\r' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Where the header of a def or class ends: just after its colon.
size_t header_end(std::string_view text, const PythonPiece& piece) {
  PythonLexer lexer(text.substr(0, piece.end), piece.begin);
  bool in_header = false;
  size_t lambda_colons = 0;
  for (PythonToken token = lexer.next(); token.kind != TokenKind::kEnd; token = lexer.next()) {
    if (token.is("def") || token.is("class")) in_header = true;
    if (token.is("lambda") && lexer.depth() == 0) ++lambda_colons;  // one in brackets has its colon there
    if (in_header && token.is(":") && lexer.depth() == 0) {
      if (lambda_colons == 0) return token.end;
      --lambda_colons;
    }
  }
  return piece.end;
}

std::string class_signatures(std::string_view text, const PythonPiece& piece);

std::string function_signature(std::string_view text, const PythonPiece& piece, std::string_view indent) {
  size_t head = header_end(text, piece);
  std::string out(text.substr(piece.begin, head - piece.begin));
  PythonLexer lexer(text.substr(0, piece.end), head);
  PythonToken first = lexer.next();
  while (first.kind == TokenKind::kNewline || first.kind == TokenKind::kComment) first = lexer.next();
  if (first.kind == TokenKind::kString) {
    std::string_view doc = first.text.substr(0, first.text.find('\n'));
    bool whole = doc.size() == first.text.size();
    out += "\n" + std::string(indent) + "    " + std::string(doc) + (whole ? "" : first.text.starts_with("\"\"\"") ? "\"\"\"" : "'''");
  }
  return out + "\n" + std::string(indent) + "    ...\n";
}

std::string class_signatures(std::string_view text, const PythonPiece& piece) {
  size_t head = header_end(text, piece);
  std::string out = std::string(text.substr(piece.begin, head - piece.begin)) + "\n";
  for (const PythonPiece& inner : inner_outline(text, piece)) {
    if (inner.kind == PythonPiece::Kind::kFunction) out += function_signature(text, inner, "    ");
    bool one_line = piece_text(text, inner).find('\n') + 1 >= strip_end(piece_text(text, inner)).size();
    if (inner.kind == PythonPiece::Kind::kAssignment && one_line) out += std::string(strip_end(piece_text(text, inner))) + "\n";
  }
  return out;
}

}  // namespace

std::vector<PythonPiece> outline(std::string_view text) { return pieces_at(text, 0, text.size(), 0); }

std::vector<PythonPiece> inner_outline(std::string_view text, const PythonPiece& piece) {
  size_t head = header_end(text, piece);
  PythonLexer lexer(text.substr(0, piece.end), head);
  PythonToken token = lexer.next();
  while (token.kind == TokenKind::kNewline || token.kind == TokenKind::kComment) token = lexer.next();
  size_t indent = 0;
  if (token.kind == TokenKind::kEnd || !begins_line(text, token.begin, indent) || indent == 0) return {};
  return pieces_at(text, head, piece.end, indent);
}

std::set<std::string> defined_names(std::string_view text) {
  std::set<std::string> names;
  for (const PythonPiece& piece : outline(text)) {
    if (piece.kind == PythonPiece::Kind::kFunction || piece.kind == PythonPiece::Kind::kClass) names.insert(piece.name);
    if (piece.kind != PythonPiece::Kind::kClass) continue;
    for (const PythonPiece& inner : inner_outline(text, piece)) {
      if (inner.kind == PythonPiece::Kind::kFunction) names.insert(piece.name + "." + inner.name);
    }
  }
  return names;
}

std::vector<std::string> imported_modules(std::string_view text) {
  std::vector<std::string> modules;
  auto dotted = [](PythonLexer& lexer, PythonToken& token) {
    std::string name;
    while (token.is(".") || token.is("...") || (token.kind == TokenKind::kName && !token.is("import") && !token.is("as"))) {
      name += std::string(token.text);
      token = lexer.next();
    }
    return name;
  };
  PythonLexer lexer(text);
  bool start = true;
  for (PythonToken token = lexer.next(); token.kind != TokenKind::kEnd;) {
    bool is_import = start && token.is("import"), is_from = start && token.is("from");
    start = token.kind == TokenKind::kNewline || token.is(":") || token.is(";");
    token = lexer.next();
    if (is_from) {
      std::string base = dotted(lexer, token);
      if (!base.empty()) modules.push_back(base);
      // `from app import users` may name a module of the package.
      if (!base.empty() && token.is("import")) {
        token = lexer.next();
        if (token.is("(")) token = lexer.next();
        while (token.kind == TokenKind::kName) {
          modules.push_back(base + (base.ends_with('.') ? "" : ".") + std::string(token.text));
          token = lexer.next();
          if (token.is("as")) {
            lexer.next();
            token = lexer.next();
          }
          if (!token.is(",")) break;
          token = lexer.next();
        }
      }
    } else if (is_import) {
      while (true) {
        std::string name = dotted(lexer, token);
        if (name.empty()) break;
        modules.push_back(name);
        if (token.is("as")) {
          lexer.next();
          token = lexer.next();
        }
        if (!token.is(",")) break;
        token = lexer.next();
      }
    }
  }
  return modules;
}

std::string signatures_only(std::string_view text) {
  std::string out;
  for (const PythonPiece& piece : outline(text)) {
    std::string_view whole = strip_end(piece_text(text, piece));
    bool one_line = whole.find('\n') == std::string_view::npos;
    if (piece.kind == PythonPiece::Kind::kFunction) {
      out += function_signature(text, piece, "");
    } else if (piece.kind == PythonPiece::Kind::kClass) {
      out += class_signatures(text, piece);
    } else if (piece.kind == PythonPiece::Kind::kImport ||
               (piece.kind == PythonPiece::Kind::kAssignment && one_line && whole.size() < 120)) {
      out += std::string(whole) + "\n";
    }
  }
  return out;
}

}  // namespace aicoder::agent
