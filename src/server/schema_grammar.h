// JSON Schema to GBNF: what a model may write so that the schema holds.
//
// Every text the grammar accepts is valid against the schema; not every valid document can be written (properties come in the order of
// the schema, undeclared ones only where the schema declares none, whitespace is short). What is not understood is refused by its place;
// docs/server.md lists what is.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_error.h"

namespace aicoder::server {

struct SchemaLimits {
  size_t depth = 32;                 ///< nested schemas, references followed included
  size_t nodes = 2000;               ///< schemas in all
  size_t repeats = 1000;             ///< minItems, maxItems, minLength, maxLength; llama.cpp refuses more than 2000
  size_t bytes = size_t{256} << 10;  ///< of the grammar
};

/// The rules of one grammar; several schemas can stand in it (one for each tool).
class Grammar {
 public:
  explicit Grammar(const SchemaLimits& limits = {}) : limits_(limits) {}
  /// Adds the schema's rules; returns the name of the one that begins it.
  /// \param where  what the client calls the schema, for messages: "response_format.json_schema.schema"
  /// \throws ApiError 400 naming the place of what is not understood, not satisfiable or too large.
  std::string add_schema(const Json& schema, const std::string& where);
  std::string any_object();  ///< name of the rule for any JSON object
  std::string any_value();
  std::string add_rule(std::string body);  ///< returns its name
  /// The whole text with `root ::= body`.
  std::string text(std::string_view root) const;

  const SchemaLimits& limits() const noexcept { return limits_; }
  std::string shared_rule(const std::string& name);  ///< "string", "integer", "ws", ...: added with what it needs on first use

 private:
  SchemaLimits limits_;
  std::map<std::string, std::string> shared_;
  std::vector<std::string> rules_;
  size_t bytes_ = 0, nodes_ = 0;
  friend class SchemaCompiler;
};

/// A literal of GBNF: quotes and backslashes escaped.
std::string gbnf_literal(std::string_view text);
/// The grammar of one schema.
std::string schema_to_grammar(const Json& schema, const std::string& where, const SchemaLimits& limits = {});

/// The characters of a JSON string that match the pattern (ECMA 262 subset), without its quotes. \throws ApiError 400.
std::string pattern_to_gbnf(Grammar& grammar, std::string_view pattern, const std::string& where);
/// Whole numbers from `low` to `high` (none: open) in decimal, no leading zeros.
std::string integer_range_to_gbnf(std::optional<int64_t> low, std::optional<int64_t> high);
/// As integer_range_to_gbnf, with a fraction; the bounds themselves included.
std::string number_range_to_gbnf(std::optional<int64_t> low, std::optional<int64_t> high);

}  // namespace aicoder::server
