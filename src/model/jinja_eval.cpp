// Statements, and the public face of the subset.
#include <algorithm>

#include "model/jinja_parser.h"
#include "model/jinja_runtime.h"

namespace aicoder::jinja {

// ---- Template --------------------------------------------------------------------------------------------------------

Template::Template(std::unique_ptr<const TemplateNode> root, const Limits& limits) : root_(std::move(root)), limits_(limits) {}
Template::Template(Template&&) noexcept = default;
Template::~Template() = default;

Template Template::parse(std::string_view source, const Limits& limits) {
  if (source.size() > limits.max_source_bytes) {
    throw Error(ErrorCode::kResourceExhausted, "[chat template] " + std::to_string(source.size()) + " bytes, at most " +
                                                   std::to_string(limits.max_source_bytes) + " are read");
  }
  auto root = std::make_unique<TemplateNode>();
  root->body = Parser(tokenize(source)).parse_template();
  return Template(std::move(root), limits);
}

std::string Template::render(const Variables& variables) const { return Runtime(limits_, variables).run(root_->body); }

// ---- Runtime: limits and errors --------------------------------------------------------------------------------------

namespace {

/// Nested evaluations, macro calls included: what an ordinary thread's stack carries with room to spare.
constexpr int kMaxEvaluation = 1000;

}  // namespace

Runtime::Runtime(const Limits& limits, const Template::Variables& variables) : limits_(limits), steps_left_(limits.max_steps) {
  scope_ = &scopes_.emplace_back();
  define_functions();
  scope_ = push_scope();
  for (const auto& [name, value] : variables) scope_->names.emplace_back(name, value);
}

std::string Runtime::run(const Body& body) {
  std::string out;
  run_body(body, out);
  return out;
}

void Runtime::charge(size_t steps) {
  if (steps > steps_left_) {
    throw Error(ErrorCode::kResourceExhausted, "[chat template] line " + std::to_string(line_) + ": more than " +
                                                   std::to_string(limits_.max_steps) +
                                                   " steps; the template does not end in reasonable time");
  }
  steps_left_ -= steps;
}

void Runtime::charge_bytes(size_t bytes) {
  if (bytes > limits_.max_output_bytes) {
    throw Error(ErrorCode::kResourceExhausted, "[chat template] line " + std::to_string(line_) + ": a text of more than " +
                                                   std::to_string(limits_.max_output_bytes) + " bytes");
  }
  charge(bytes / 16 + 1);
}

Value Runtime::text(std::string s) {
  charge_bytes(s.size());
  return Value(std::move(s));
}

Runtime::Nesting::Nesting(Runtime& r) : runtime(r) {
  if (++runtime.nesting_ > kMaxEvaluation) {
    --runtime.nesting_;
    throw Error(ErrorCode::kResourceExhausted, "[chat template] line " + std::to_string(runtime.line_) + ": calls are nested too deep");
  }
}

void Runtime::fail(const std::string& message) const {
  throw Error(ErrorCode::kInvalidArgument, "[chat template] line " + std::to_string(line_) + ": " + message);
}

void Runtime::fail_unsupported(const std::string& what) const { fail_parse(line_, what + " is not supported"); }

// ---- Runtime: statements ---------------------------------------------------------------------------------------------

Scope* Runtime::push_scope() {
  charge(4);
  return &scopes_.emplace_back(Scope{.parent = scope_, .is_macro = false, .names = {}});
}

namespace {

/// Runs in an inner scope and comes back, also by exception.
class ScopeGuard {
 public:
  ScopeGuard(Scope*& current, Scope* inner) : current_(current), outer_(std::exchange(current, inner)) {}
  ~ScopeGuard() { current_ = outer_; }
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;

 private:
  Scope*& current_;
  Scope* outer_;
};

void define(Scope& scope, std::string_view name, Value value) {
  for (auto& [n, v] : scope.names) {
    if (n == name) {
      v = std::move(value);
      return;
    }
  }
  scope.names.emplace_back(name, std::move(value));
}

}  // namespace

void Runtime::write(std::string& out, std::string_view text) {
  if (out.size() + text.size() > limits_.max_output_bytes) charge_bytes(out.size() + text.size());
  charge_bytes(text.size());
  out += text;
}

Flow Runtime::run_body(const Body& body, std::string& out) {
  for (const auto& stmt : body) {
    if (const Flow flow = run_statement(*stmt, out); flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Flow Runtime::run_statement(const Stmt& stmt, std::string& out) {
  const Nesting nesting(*this);
  charge(1);
  set_line(stmt.line);
  switch (stmt.kind) {
    case StmtKind::kText:
      write(out, stmt.text);
      return Flow::kNext;
    case StmtKind::kOutput:
      write(out, to_text(eval_output(*stmt.expr)));
      return Flow::kNext;
    case StmtKind::kIf:
      for (const Branch& branch : stmt.branches) {
        if (!branch.condition || eval(*branch.condition).truthy()) return run_body(branch.body, out);
      }
      return Flow::kNext;
    case StmtKind::kFor:
      return run_for(stmt, out);
    case StmtKind::kSet:
      assign(stmt.target, eval(*stmt.expr));
      return Flow::kNext;
    case StmtKind::kSetBlock:
    case StmtKind::kFilterBlock: {
      std::string inner;
      Flow flow = Flow::kNext;
      {
        const ScopeGuard guard(scope_, push_scope());
        flow = run_body(stmt.body, inner);
      }
      if (flow != Flow::kNext) return flow;  // as in Jinja2, a break drops the block it leaves
      Value value = text(std::move(inner));
      if (stmt.expr) {
        // The innermost filter of the chain has no child: it takes the block's text.
        std::vector<const Expr*> chain;
        for (const Expr* filter = stmt.expr.get(); filter != nullptr; filter = filter->children[0].get()) chain.push_back(filter);
        for (auto it = chain.rbegin(); it != chain.rend(); ++it) value = apply_filter((*it)->name, value, eval_arguments(**it));
      }
      if (stmt.kind == StmtKind::kSetBlock) {
        assign(stmt.target, value);
      } else {
        write(out, to_text(value));
      }
      return Flow::kNext;
    }
    case StmtKind::kMacro: {
      const Stmt* macro = &stmt;
      Scope* here = scope_;
      auto callable = std::make_shared<Callable>(Callable{
          .name = stmt.text,
          .call = [macro, here](Runtime& runtime, const Arguments& arguments) { return runtime.call_macro(*macro, here, arguments); },
          .depth = 1});
      define(*scope_, stmt.text, Value(CallablePtr(std::move(callable))));
      return Flow::kNext;
    }
    case StmtKind::kWith: {
      Scope* inner = push_scope();
      std::vector<Value> values;
      for (const auto& [target, expr] : stmt.assignments) values.push_back(eval(*expr));
      const ScopeGuard guard(scope_, inner);
      for (size_t i = 0; i < values.size(); ++i) assign(stmt.assignments[i].first, values[i]);
      return run_body(stmt.body, out);
    }
    case StmtKind::kScope: {
      const ScopeGuard guard(scope_, push_scope());
      return run_body(stmt.body, out);
    }
    case StmtKind::kBreak:
      return Flow::kBreak;
    case StmtKind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

Flow Runtime::run_for(const Stmt& stmt, std::string& out) {
  std::vector<Value> items = iterate(eval(*stmt.expr));
  const size_t reads = namespace_reads_;
  if (stmt.filter) {
    std::vector<Value> kept;
    for (Value& candidate : items) {
      const ScopeGuard guard(scope_, push_scope());
      assign(stmt.target, candidate);
      if (eval(*stmt.filter).truthy()) kept.push_back(std::move(candidate));
    }
    items = std::move(kept);
  }
  const bool filter_reads_namespace = namespace_reads_ != reads;
  const size_t writes = namespace_writes_;
  auto loop = std::make_shared<Loop>();
  for (const Value& value : items) loop->depth = std::max(loop->depth, value.depth() + 1);
  loop->items = std::move(items);
  bool completed = false;  // one round to its end: as Jinja2 counts, a round that broke off or continued does not keep `else` away
  for (size_t i = 0; i < loop->items.size(); ++i) {
    loop->index = i;
    const ScopeGuard guard(scope_, push_scope());
    scope_->names.emplace_back("loop", Value(loop));
    assign(stmt.target, loop->items[i]);
    const Flow flow = run_body(stmt.body, out);
    // Jinja2 evaluates the filter between the rounds, we before the first: the same unless the body changes what the filter reads.
    if (filter_reads_namespace && namespace_writes_ != writes)
      fail_unsupported("a loop whose 'if' reads a namespace that its body changes");
    completed = completed || flow == Flow::kNext;
    if (flow == Flow::kBreak) break;
  }
  if (completed) return Flow::kNext;
  const ScopeGuard guard(scope_, push_scope());
  return run_body(stmt.otherwise, out);
}

void Runtime::assign(const Target& target, const Value& value) {
  if (!target.parts.empty()) {
    const std::vector<Value> values = iterate(value);
    if (values.size() != target.parts.size()) {
      fail("expected " + std::to_string(target.parts.size()) + " values to unpack, found " + std::to_string(values.size()));
    }
    for (size_t i = 0; i < values.size(); ++i) assign(target.parts[i], values[i]);
    return;
  }
  if (target.attribute.empty()) {
    define(*scope_, target.name, value);
    return;
  }
  const Value object = eval_name(target.name);
  if (!object.is<Namespace*>()) fail("'" + target.name + "." + target.attribute + "' is set, but '" + target.name + "' is no namespace");
  ++namespace_writes_;
  auto& attributes = object.as<Namespace*>()->attributes;
  for (auto& [name, v] : attributes) {
    if (name == target.attribute) {
      v = value;
      return;
    }
  }
  charge(4);
  attributes.emplace_back(target.attribute, value);
}

Value Runtime::call_macro(const Stmt& macro, Scope* defined_in, const Arguments& arguments) {
  if (arguments.positional.size() > macro.parameters.size()) {
    fail("macro '" + macro.text + "' takes at most " + std::to_string(macro.parameters.size()) + " arguments, found " +
         std::to_string(arguments.positional.size()));
  }
  for (const auto& [name, value] : arguments.named) {
    const auto it = std::find_if(macro.parameters.begin(), macro.parameters.end(), [&](const Parameter& p) { return p.name == name; });
    if (it == macro.parameters.end()) fail("macro '" + macro.text + "' has no parameter '" + name + "'");
    if (it - macro.parameters.begin() < static_cast<std::ptrdiff_t>(arguments.positional.size())) {
      fail("macro '" + macro.text + "' got '" + name + "' twice");
    }
  }
  Scope* inner = push_scope();
  inner->parent = defined_in;
  inner->is_macro = true;
  const ScopeGuard guard(scope_, inner);
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const Parameter& parameter = macro.parameters[i];
    Value value = Value::undefined("parameter '" + parameter.name + "' was not provided");
    const auto named =
        std::find_if(arguments.named.begin(), arguments.named.end(), [&](const auto& a) { return a.first == parameter.name; });
    if (i < arguments.positional.size()) {
      value = arguments.positional[i];
    } else if (named != arguments.named.end()) {
      value = named->second;
    } else if (parameter.fallback) {
      value = eval(*parameter.fallback);
    }
    define(*inner, parameter.name, std::move(value));
  }
  std::string out;
  run_body(macro.body, out);
  return text(std::move(out));
}

Namespace* Runtime::new_namespace() {
  charge(8);
  return &namespaces_.emplace_back();
}

}  // namespace aicoder::jinja
