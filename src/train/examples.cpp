#include "train/examples.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

#include "train/random.h"

namespace aicoder::train {
namespace {

bool is_prefix(std::span<const Token> prefix, std::span<const Token> all) {
  return prefix.size() <= all.size() && std::equal(prefix.begin(), prefix.end(), all.begin());
}

/// The tokens from `begin` to `end` that the assistant makes: up to the first that ends its turn. What the template writes after it (a line
/// end) comes from the program and not from the model.
void train_on_answer(const Model& model, Example& example, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    example.trained[i] = 1;
    if (model.is_end(example.tokens[i])) return;
  }
}

Example tokenize_conversation(const Model& model, const std::vector<ChatMessage>& messages) {
  Example example;
  example.tokens = model.chat_tokens(messages, false);
  example.trained.assign(example.tokens.size(), 0);
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role != "assistant") continue;
    const auto before = std::span(messages).first(i), after = std::span(messages).first(i + 1);
    // A conversation may begin with the assistant; then all of it up to there is its own.
    const std::vector<Token> prompt = before.empty() ? std::vector<Token>{} : model.chat_tokens(before, true);
    const std::vector<Token> turn = model.chat_tokens(after, false);
    if (!is_prefix(prompt, example.tokens) || !is_prefix(turn, example.tokens)) {
      throw Error(ErrorCode::kUnimplemented,
                  "[train data] the chat template of " + model.name() + " writes turn " + std::to_string(i + 1) + " of " +
                      std::to_string(messages.size()) + " otherwise when more follows: the assistant's tokens cannot be told apart",
                  "split the conversation: one answer a row, at its end");
    }
    train_on_answer(model, example, prompt.size(), turn.size());
  }
  return example;
}

/// Floor of weight * n examples, and one more with the probability of what is left.
std::vector<size_t> draw(const PlanSource& source, double share, Random& random) {
  std::vector<size_t> order(source.n);
  std::vector<size_t> drawn;
  double wanted = source.weight * share * static_cast<double>(source.n);
  auto n = static_cast<size_t>(wanted);
  if (static_cast<double>(random.unit()) < wanted - std::floor(wanted)) ++n;
  while (drawn.size() < n && source.n > 0) {
    std::iota(order.begin(), order.end(), source.first);
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    const size_t take = std::min(order.size(), n - drawn.size());
    drawn.insert(drawn.end(), order.begin(), order.begin() + static_cast<std::ptrdiff_t>(take));
  }
  return drawn;
}

}  // namespace

Example tokenize_example(const Model& model, const TextRecord& record) {
  if (!record.messages.empty()) return tokenize_conversation(model, record.messages);
  Example example;
  example.tokens = tokenize_record(model, record);
  example.trained.assign(example.tokens.size(), 1);
  return example;
}

size_t ExampleSet::tokens() const noexcept {
  return std::accumulate(examples.begin(), examples.end(), size_t{0}, [](size_t sum, const Example& e) { return sum + e.tokens.size(); });
}

ExampleSet tokenize_examples(const Model& model, std::span<const TextRecord> records, size_t n_ctx, const ProgressFn& progress,
                             const std::stop_token& stop) {
  ExampleSet set;
  const auto keep = [&](Example example) {
    if (example.n_trained() > 0) {
      set.examples.push_back(std::move(example));
    } else {
      ++set.dropped;
    }
  };
  for (size_t i = 0; i < records.size(); ++i) {
    throw_if_stopped(stop);
    if (progress)
      progress({.stage = "tokenize", .done = static_cast<double>(i), .total = static_cast<double>(records.size()), .unit = "rows"});
    Example example = tokenize_example(model, records[i]);
    if (example.tokens.size() <= n_ctx) {
      keep(std::move(example));
      continue;
    }
    ++set.cut;
    const bool is_text = records[i].messages.empty();
    for (size_t first = 0; first < example.tokens.size() && (is_text || first == 0); first += n_ctx) {
      const size_t last = std::min(first + n_ctx, example.tokens.size());
      const auto part = [&](const auto& values) {
        return std::decay_t<decltype(values)>(values.begin() + static_cast<std::ptrdiff_t>(first),
                                              values.begin() + static_cast<std::ptrdiff_t>(last));
      };
      keep({part(example.tokens), part(example.trained)});
    }
  }
  return set;
}

Batch pack(const std::vector<Example>& examples, const std::vector<size_t>& members) {
  std::vector<const Example*> chosen;
  for (const size_t i : members) chosen.push_back(&examples[i]);
  return make_batch(chosen);
}

Plan make_plan(std::span<const Example> examples, std::span<const PlanSource> sources, double epochs, size_t n_ctx, uint64_t seed) {
  constexpr size_t kOpenPasses = 8;
  Random random(seed ^ 0x706C616EULL);  // not the numbers that the factors begin with
  Plan plan;
  for (size_t epoch = 0; static_cast<double>(epoch) + 1e-9 < epochs; ++epoch) {
    const double share = std::min(epochs - static_cast<double>(epoch), 1.0);
    std::vector<size_t> order;
    for (const PlanSource& source : sources) {
      const auto drawn = draw(source, share, random);
      order.insert(order.end(), drawn.begin(), drawn.end());
    }
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    struct Open {
      std::vector<size_t> members;
      size_t used = 0;
    };
    std::deque<Open> open;
    for (const size_t index : order) {
      const size_t n = examples[index].tokens.size();
      auto room = std::find_if(open.begin(), open.end(), [&](const Open& pass) { return pass.used + n <= n_ctx; });
      if (room == open.end()) {
        if (open.size() == kOpenPasses) {
          plan.passes.push_back(std::move(open.front().members));
          open.pop_front();
        }
        open.emplace_back();
        room = open.end() - 1;
      }
      room->members.push_back(index);
      room->used += n;
    }
    for (Open& pass : open) plan.passes.push_back(std::move(pass.members));
  }
  return plan;
}

}  // namespace aicoder::train
