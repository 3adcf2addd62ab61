// The filter tojson as transformers defines it: Python's json.dumps(x, ensure_ascii, indent, separators, sort_keys), not escaped for HTML.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "model/jinja_runtime.h"
#include "model/jinja_text.h"

namespace aicoder::jinja {

namespace {

struct Style {
  bool ensure_ascii = false, sort_keys = false, multiline = false;
  std::string indent, item_separator = ", ", key_separator = ": ";
};

void append_string(std::string& out, std::string_view s, bool ensure_ascii) {
  const auto escape = [&](uint32_t unit) {
    std::array<char, 16> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "\\u%04x", unit);
    out += buffer.data();
  };
  out.push_back('"');
  for (char32_t c : to_code_points(s)) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\b':
        out += "\\b";
        break;
      default:
        if (c < 0x20 || (ensure_ascii && c > 0x7E && c < 0x10000)) {
          escape(c);
        } else if (ensure_ascii && c >= 0x10000) {
          escape(0xD800 + ((c - 0x10000) >> 10));
          escape(0xDC00 + ((c - 0x10000) & 0x3FF));
        } else {
          append_utf8(out, c);
        }
    }
  }
  out.push_back('"');
}

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const Style& style) : runtime_(runtime), style_(style) {}

  void write(const Value& value, size_t level) {
    runtime_.charge(1);
    if (value.is_none()) {
      out_ += "null";
    } else if (value.is<bool>()) {
      out_ += value.as<bool>() ? "true" : "false";
    } else if (value.is_number()) {
      out_ += number(value);
    } else if (value.is_string()) {
      runtime_.charge_bytes(value.string().size());
      append_string(out_, value.string(), style_.ensure_ascii);
    } else if (value.is_list() && value.as<ListPtr>()->kind <= ListKind::kTuple) {
      bool first = true;
      out_ += "[";
      for (const Value& item : value.items()) {
        separate(first, level + 1);
        write(item, level + 1);
      }
      close(first, level, ']');
    } else if (value.is_dict()) {
      write_dict(value, level);
    } else {
      runtime_.fail("a value of type " + std::string(value.type_name()) + " has no JSON form");
    }
  }

  const std::string& text() const { return out_; }
  std::string take() && { return std::move(out_); }

 private:
  std::string number(const Value& value) {
    if (value.is<double>() && std::isnan(value.as<double>())) return "NaN";
    if (value.is<double>() && std::isinf(value.as<double>())) return value.as<double>() > 0 ? "Infinity" : "-Infinity";
    return runtime_.repr(value);
  }

  std::string key_text(const Value& key) {
    if (key.is_string()) return key.string();
    if (key.is_none()) return "null";
    if (key.is<bool>()) return key.as<bool>() ? "true" : "false";
    if (key.is_number()) return number(key);
    runtime_.fail("a key of type " + std::string(key.type_name()) + " has no JSON form");
  }

  void write_dict(const Value& value, size_t level) {
    std::vector<const std::pair<Value, Value>*> items;
    for (const auto& pair : value.pairs()) items.push_back(&pair);
    if (style_.sort_keys) {
      std::stable_sort(items.begin(), items.end(), [&](const auto* a, const auto* b) { return runtime_.order(a->first, b->first) < 0; });
    }
    bool first = true;
    out_ += "{";
    for (const auto* pair : items) {
      separate(first, level + 1);
      append_string(out_, key_text(pair->first), style_.ensure_ascii);
      out_ += style_.key_separator;
      write(pair->second, level + 1);
    }
    close(first, level, '}');
  }

  void line(size_t level) {
    if (!style_.multiline) return;
    runtime_.charge_bytes(level * style_.indent.size());
    out_ += "\n";
    for (size_t i = 0; i < level; ++i) out_ += style_.indent;
  }
  void separate(bool& first, size_t level) {
    if (!first) out_ += style_.item_separator;
    first = false;
    line(level);
  }
  void close(bool empty, size_t level, char bracket) {
    if (!empty) line(level);
    out_.push_back(bracket);
  }

  Runtime& runtime_;
  const Style& style_;
  std::string out_;
};

}  // namespace

std::string Runtime::to_json(const Value& value, const Arguments& arguments) {
  const BoundArguments bound(*this, "tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  Style style;
  style.ensure_ascii = bound.get_bool(0, false);
  style.sort_keys = bound.get_bool(3, false);
  if (bound.has(1) && !bound.require(1).is_none()) {
    const Value& indent = bound.require(1);
    style.multiline = true;
    style.item_separator = ",";
    if (indent.is_string()) {
      style.indent = indent.string();
    } else {
      const int64_t n = bound.get_integer(1, 0);
      if (n > 100) fail_unsupported("an indent above 100");
      style.indent = std::string(static_cast<size_t>(std::max<int64_t>(0, n)), ' ');
    }
  }
  if (bound.has(2) && !bound.require(2).is_none()) {
    const std::vector<Value> separators = iterate(bound.require(2));
    if (separators.size() != 2 || !separators[0].is_string() || !separators[1].is_string()) fail("'separators' must be two strings");
    style.item_separator = separators[0].string();
    style.key_separator = separators[1].string();
  }
  JsonWriter writer(*this, style);
  writer.write(value, 0);
  charge_bytes(writer.text().size());
  return std::move(writer).take();
}

}  // namespace aicoder::jinja
