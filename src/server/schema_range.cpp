// Ranges of numbers, digit by digit.
#include <fmt/format.h>

#include <optional>

#include "server/schema_grammar.h"

namespace aicoder::server {
namespace {

constexpr size_t kMaxDigits = 16;  // what a double, and so most readers of JSON, holds exactly

std::string digit(char low, char high) { return low == high ? fmt::format("[{}]", low) : fmt::format("[{}-{}]", low, high); }
std::string digits(size_t n) { return n == 0 ? "" : n == 1 ? " [0-9]" : fmt::format(" [0-9]{{{}}}", n); }

/// Digit strings as long as `bound`: not below it (`up`) or not above it.
std::string one_sided(std::string_view bound, bool up) {
  if (bound.empty()) return "";
  const char first = bound[0];
  std::string out = fmt::format("( [{}]{}", first, one_sided(bound.substr(1), up));
  if (up && first < '9') out += " | " + digit(static_cast<char>(first + 1), '9') + digits(bound.size() - 1);
  if (!up && first > '0') out += " | " + digit('0', static_cast<char>(first - 1)) + digits(bound.size() - 1);
  return " " + out + " )";
}

/// Both of one length, low <= high.
std::string between(std::string_view low, std::string_view high) {
  if (low.empty()) return "";
  if (low[0] == high[0]) return fmt::format(" [{}]{}", low[0], between(low.substr(1), high.substr(1)));
  std::string out = fmt::format(" ( [{}]{}", low[0], one_sided(low.substr(1), true));
  if (high[0] - low[0] > 1) out += " | " + digit(static_cast<char>(low[0] + 1), static_cast<char>(high[0] - 1)) + digits(low.size() - 1);
  return out + fmt::format(" | [{}]{} )", high[0], one_sided(high.substr(1), false));
}

/// Magnitudes from low to high (none: as many digits as a double holds).
std::string magnitudes(uint64_t low, std::optional<uint64_t> high) {
  const std::string from = std::to_string(low);
  std::string out;
  const auto add = [&out](const std::string& alternative) { out += (out.empty() ? "" : " |") + alternative; };
  const std::string to = high ? std::to_string(*high) : std::string(kMaxDigits, '9');
  for (size_t length = from.size(); length <= to.size(); ++length) {
    const std::string shortest = length == from.size() ? from : "1" + std::string(length - 1, '0');
    const std::string longest = length == to.size() ? to : std::string(length, '9');
    add(between(shortest, longest));
  }
  return "(" + out + " )";
}

struct Parts {
  std::optional<uint64_t> negative_from, from;  ///< magnitudes; none: there are no negative, no other numbers
  std::optional<uint64_t> negative_to, to;      ///< none: open
};

Parts split(std::optional<int64_t> low, std::optional<int64_t> high, bool with_zero_below) {
  Parts parts;
  const uint64_t smallest = with_zero_below ? 0 : 1;
  if (!low || *low < 0) {
    const uint64_t from = high && *high < 0 ? static_cast<uint64_t>(-*high) : smallest;
    parts.negative_from = from;
    if (low) parts.negative_to = static_cast<uint64_t>(-*low);
  }
  if (!high || *high >= 0) {
    parts.from = low && *low > 0 ? static_cast<uint64_t>(*low) : 0;
    if (high) parts.to = static_cast<uint64_t>(*high);
  }
  return parts;
}

}  // namespace

std::string integer_range_to_gbnf(std::optional<int64_t> low, std::optional<int64_t> high) {
  const auto parts = split(low, high, false);
  std::string out;
  if (parts.negative_from) out += R"("-" )" + magnitudes(*parts.negative_from, parts.negative_to);
  if (parts.from) out += (out.empty() ? "" : " | ") + magnitudes(*parts.from, parts.to);
  return out;
}

std::string number_range_to_gbnf(std::optional<int64_t> low, std::optional<int64_t> high) {
  const auto with_fraction = [](uint64_t from, std::optional<uint64_t> to) {
    const std::string fraction = R"( ( "." [0-9]{1,15} )?)";
    if (!to) return magnitudes(from, to) + fraction;
    std::string out;  // the last whole number may only be followed by zeros
    if (*to > from) out = magnitudes(from, *to - 1) + fraction + " | ";
    return out + gbnf_literal(std::to_string(*to)) + R"( ( "." [0]{1,15} )?)";
  };
  const auto parts = split(low, high, true);
  std::string out;
  if (parts.negative_from) out += R"("-" ( )" + with_fraction(*parts.negative_from, parts.negative_to) + " )";
  if (parts.from) out += (out.empty() ? "" : " | ") + with_fraction(*parts.from, parts.to);
  return out;
}

}  // namespace aicoder::server
