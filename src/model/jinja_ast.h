// The parsed template.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/jinja_value.h"

namespace aicoder::jinja {

struct Expr;
struct Stmt;
using ExprPtr = std::unique_ptr<const Expr>;
using Body = std::vector<std::unique_ptr<const Stmt>>;

enum class ExprKind {
  kConstant,   // value
  kName,       // name
  kList,       // children
  kTuple,      // children
  kDict,       // children: key, value, key, value
  kAttribute,  // children[0].name
  kItem,       // children[0][children[1]]
  kSlice,      // children[0][a:b:c]; absent parts are null
  kCall,       // children[0](arguments)
  kFilter,     // children[0]|name(arguments); children[0] is null for the text of a filter block
  kTest,       // children[0] is name(arguments)
  kUnary,      // name: - + not
  kBinary,     // name: + - * / // % ** and or
  kConcat,     // children, joined by ~
  kCompare,    // children[0] op children[1] op ...; operators
  kTernary     // children: condition, value, otherwise (may be null)
};

struct Expr {
  ExprKind kind = ExprKind::kConstant;
  size_t line = 1;
  int depth = 1;
  std::string name;
  Value value;
  std::vector<ExprPtr> children;
  std::vector<std::string> operators;
  std::vector<ExprPtr> arguments;  ///< positional, of a call, filter or test
  std::vector<std::pair<std::string, ExprPtr>> named;
};

/// Where an assignment goes: a name, an attribute of a namespace, or several names.
struct Target {
  std::string name;
  std::string attribute;      ///< of the namespace `name`; empty: plain
  std::vector<Target> parts;  ///< not empty: unpacking
};

enum class StmtKind {
  kText,         // text
  kOutput,       // expr
  kIf,           // branches (condition null: else)
  kFor,          // target in expr, filter; body, otherwise
  kSet,          // target = expr
  kSetBlock,     // target = body, through filters (expr, may be null)
  kMacro,        // name, parameters; body
  kWith,         // assignments; body
  kFilterBlock,  // expr over body
  kScope,        // body alone ({% generation %})
  kBreak,
  kContinue
};

struct Branch {
  ExprPtr condition;
  Body body;
};
struct Parameter {
  std::string name;
  ExprPtr fallback;
};

struct Stmt {
  StmtKind kind = StmtKind::kText;
  size_t line = 1;
  std::string text;  ///< text, or a macro's name
  Target target;
  ExprPtr expr, filter;
  std::vector<Branch> branches;
  std::vector<Parameter> parameters;
  std::vector<std::pair<Target, ExprPtr>> assignments;
  Body body, otherwise;
};

struct TemplateNode {
  Body body;
};

}  // namespace aicoder::jinja
