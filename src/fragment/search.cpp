// Per-layer, per-kind strengths of a fragment by forward passes alone. Each group of tensors is an adapter of its own, so that a trial is
// a change of scales: nothing is loaded, and no file is written.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "fragment/forward_search.h"
#include "fragment/fragment_keys.h"
#include "fragment/record_hash.h"
#include "fragment/search_journal.h"
#include "fragment/seeded_random.h"
#include "fragment/strength_groups.h"

namespace aicoder {
namespace {

using namespace fragment;

constexpr size_t kWindow = 512;
constexpr size_t kMaxGuardTokens = 128;  // their base logits stay in memory: [128, 152k] floats are 78 MB

[[noreturn]] void refuse(const std::string& message, std::string fix = {}) {
  throw Error(ErrorCode::kInvalidArgument, "[search] " + message, std::move(fix));
}

struct Sample {
  std::vector<Token> tokens;
  size_t first = 1;  ///< the first token that counts: that of the answer, where there is one
};

Sample sample_of(const Model& model, const TextRecord& record) {
  Sample sample{.tokens = tokenize_record(model, record)};
  if (!record.messages.empty()) {
    TextRecord asked = record;
    asked.messages.back().content.clear();
    const std::vector<Token> before = tokenize_record(model, asked);
    const auto end = std::mismatch(before.begin(), before.end(), sample.tokens.begin(), sample.tokens.end()).first;
    sample.first = std::max<size_t>(1, static_cast<size_t>(end - before.begin()));
  }
  if (sample.tokens.size() > kWindow) sample.tokens.resize(kWindow);
  return sample;
}

/// A file or folder that is gone at scope end, whatever happened; a folder only if it is empty, because it may be the user's.
class Scratch {
 public:
  explicit Scratch(std::filesystem::path path) : path_(std::move(path)) {}
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

 private:
  std::filesystem::path path_;
};

class StrengthSearch {
 public:
  StrengthSearch(const std::shared_ptr<const Model>& model, const GgufFile& file, const SearchOptions& options, SearchJournal& journal)
      : model_(model),
        options_(options),
        journal_(journal),
        groups_(strength_groups(file)),
        context_(model, {.n_ctx_seq = kWindow, .n_seq_max = 1, .n_batch = kWindow, .n_threads = options.n_threads}) {
    split(file);
    read(options.objective);
    read_guard(options.guard);
  }

  SearchResult run(double start_strength) {
    SearchResult result;
    result.groups = groups_;
    result.loss_off = held_out_loss(std::vector<double>(groups_.size(), 0.0));
    ForwardSearchOptions search{.iterations = options_.iterations,
                                .low = -static_cast<double>(options_.largest),
                                .high = static_cast<double>(options_.largest),
                                .spread = 0.25 * static_cast<double>(options_.largest),
                                .seed = options_.seed,
                                .on_iteration = {}};
    search.on_iteration = [&](size_t k, double) {
      throw_if_stopped(options_.stop);
      if (options_.progress) {
        options_.progress({"search", static_cast<double>(k + 1), static_cast<double>(options_.iterations), "iterations"});
      }
    };
    const NoisyFunction f = [&](std::span<const double> x, uint64_t batch) { return value(x, batch); };
    const std::vector<double> start(groups_.size(), start_strength);
    result.strengths = options_.method == SearchMethod::kSpsa ? spsa(f, start, search) : separable_cma_es(f, start, search);
    result.loss_on = held_out_loss(result.strengths);
    result.kl = journal_.value("kl", result.strengths, [&] { return guard_kl(result.strengths); });
    result.evaluations = evaluations_;
    result.replayed = journal_.n_replayed();
    // Judged on answers the search did not see; the base wins ties.
    result.accepted = result.loss_on < result.loss_off && result.kl <= options_.max_kl;
    return result;
  }

 private:
  void split(const GgufFile& file) {
    // The loaded adapters keep their data; the files are gone when this returns.
    const std::filesystem::path folder = options_.scratch_dir;
    std::filesystem::create_directories(folder);
    const Scratch emptied(folder);
    for (const std::string& group : groups_) {
      const auto path = folder / (group + ".gguf");
      const Scratch part(path);
      write_group(file, group, path);
      adapters_.push_back(Adapter::load(model_, path));
    }
  }

  void read(std::span<const TextRecord> records) {
    for (size_t i = 0; i < records.size(); ++i) {
      Sample sample = sample_of(*model_, records[i]);
      if (sample.first >= sample.tokens.size()) continue;
      (i % 2 == 0 ? train_ : held_out_).push_back(std::move(sample));
    }
    if (train_.empty() || held_out_.empty()) refuse("expected at least two records with an answer to predict");
  }

  void read_guard(std::span<const TextRecord> records) {
    for (const TextRecord& record : records) {
      std::vector<Token> tokens = tokenize_record(*model_, record);
      tokens.resize(std::min(tokens.size(), kMaxGuardTokens - n_guard_));
      if (tokens.size() < 2) continue;
      set(std::vector<double>(groups_.size(), 0.0));
      base_logits_.push_back(context_.logits(tokens));
      n_guard_ += tokens.size();
      guard_.push_back(std::move(tokens));
      if (n_guard_ + 2 > kMaxGuardTokens) break;
    }
    if (guard_.empty()) refuse("no text for the guard", "give text unrelated to the skill");
  }

  void set(std::span<const double> strengths) {
    std::vector<ActiveAdapter> active;
    for (size_t i = 0; i < adapters_.size(); ++i) {
      if (strengths[i] != 0) active.push_back({adapters_[i], static_cast<float>(strengths[i])});
    }
    set_adapters(context_, active);
  }

  double loss_of(std::span<const Sample* const> samples, std::span<const double> strengths) {
    set(strengths);
    LogLikelihood sum;
    for (const Sample* sample : samples) {
      const LogLikelihood part = context_.log_likelihood(sample->tokens, sample->first, options_.stop);
      sum.nll += part.nll;
      sum.tokens += part.tokens;
    }
    return sum.nll / static_cast<double>(sum.tokens);
  }
  double held_out_loss(std::span<const double> strengths) {
    std::vector<const Sample*> all;
    for (const Sample& sample : held_out_) all.push_back(&sample);
    return journal_.value("held-out loss", strengths, [&] { return loss_of(all, strengths); });
  }

  double guard_kl(std::span<const double> strengths) {
    set(strengths);
    double sum = 0;
    for (size_t i = 0; i < guard_.size(); ++i) {
      sum += mean_kl(base_logits_[i], context_.logits(guard_[i]), model_->n_vocab()) * static_cast<double>(guard_[i].size());
    }
    return sum / static_cast<double>(n_guard_);
  }

  /// Relative to the base on the same answers, so that an easy batch does not look like a good point; KL beyond the bound costs.
  double value(std::span<const double> strengths, uint64_t batch) {
    if (batch != batch_ || picked_.empty()) {
      batch_ = batch;
      picked_.clear();
      SeededRandom random(seed_for(options_.seed, "batch " + std::to_string(batch)));
      for (size_t tokens = 0; tokens < options_.batch_tokens;) {
        picked_.push_back(&train_[random.next() % train_.size()]);
        tokens += picked_.back()->tokens.size();
      }
      const std::vector<double> off(groups_.size(), 0.0);
      base_ = journal_.value("base of batch " + std::to_string(batch), off, [&] { return loss_of(picked_, off); });
    }
    ++evaluations_;
    return journal_.value("batch " + std::to_string(batch), strengths, [&] {
      const double relative = base_ > 0 ? loss_of(picked_, strengths) / base_ - 1 : 0;
      const double excess = std::max(0.0, guard_kl(strengths) / options_.max_kl - 1);
      return relative + 0.1 * excess;
    });
  }

  std::shared_ptr<const Model> model_;
  const SearchOptions& options_;
  SearchJournal& journal_;
  std::vector<std::string> groups_;
  std::vector<std::shared_ptr<const Adapter>> adapters_;
  Context context_;
  std::vector<Sample> train_, held_out_;
  std::vector<std::vector<Token>> guard_;
  std::vector<std::vector<float>> base_logits_;
  size_t n_guard_ = 0, evaluations_ = 0;
  uint64_t batch_ = 0;
  std::vector<const Sample*> picked_;
  double base_ = 0;
};

std::string text_hash(std::span<const TextRecord> records) {
  std::vector<std::string> hashes;
  for (const TextRecord& record : records) hashes.push_back(hash_record(record));
  return hash_of_hashes(hashes);
}

std::string exact(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

/// All that the values depend on. The fragment by its tensors and its strength: evidence written into it changes nothing.
SearchJournal::Settings settings_of(const Model& model, const std::filesystem::path& fragment, double start, const SearchOptions& options) {
  return {{"base", model.fingerprint()},
          {"fragment", fragment_tensor_hash(fragment)},
          {"start", exact(start)},
          {"objective", text_hash(options.objective)},
          {"guard", text_hash(options.guard)},
          {"method", options.method == SearchMethod::kSpsa ? "spsa" : "cma-es"},
          {"iterations", std::to_string(options.iterations)},
          {"batch_tokens", std::to_string(options.batch_tokens)},
          {"largest", exact(static_cast<double>(options.largest))},
          {"max_kl", exact(options.max_kl)},
          {"seed", std::to_string(options.seed)}};
}

void write_result(const GgufFile& file, const SearchResult& result, const SearchOptions& options, const std::filesystem::path& out) {
  double largest = 0;
  for (const double s : result.strengths) largest = std::max(largest, std::fabs(s));
  const float strength = result.accepted ? static_cast<float>(largest) : 0.0f;
  GgufWriter writer;
  for (const auto& [key, value] : file.metadata()) writer.set(key, value);
  const std::string parent = file.get_string(key::kRecipe).value_or("");
  writer.set(key::kRecipe, parent.starts_with("search") ? parent : "search from " + parent);
  writer.set(key::kSearchGroups, GgufArray(result.groups));
  std::vector<float> strengths(result.strengths.begin(), result.strengths.end());
  writer.set(key::kSearchStrengths, GgufArray(std::move(strengths)));
  writer.set(key::kSearchMethod, std::string(options.method == SearchMethod::kSpsa ? "spsa" : "cma-es"));
  set_strength_and_evidence(writer, strength, {});  // what was measured, was measured of another fragment
  write_scaled(file, result.groups, result.strengths, strength, writer, out);
}

}  // namespace

SearchResult search_strengths(const std::shared_ptr<const Model>& model, const std::filesystem::path& fragment,
                              const SearchOptions& options, const std::filesystem::path& out) {
  if (options.iterations == 0 || !(options.largest > 0) || !(options.max_kl > 0) || options.batch_tokens == 0) {
    refuse("expected iterations, largest, max_kl and batch_tokens above 0");
  }
  const FragmentInfo info = inspect_fragment(fragment);
  if (info.foreign) {
    throw Error(ErrorCode::kFailedPrecondition, "[search] expected a fragment made by aicoder, found a LoRA without its metadata",
                "aicoder fragment import " + fragment.string());
  }
  const GgufFile file = GgufFile::open(fragment);
  if (!info.vectors.empty()) {
    throw Error(ErrorCode::kUnimplemented, "[search] " + info.name + " holds control vectors; a search finds strengths of LoRA factors",
                "aicoder fragment select " + info.name + ":0.5 " + info.name + ":1");
  }
  const double start = info.strength != 0.0f ? static_cast<double>(info.strength) : 0.0;
  if (std::fabs(start) > static_cast<double>(options.largest)) refuse("the fragment's own strength is above the largest to try");
  SearchJournal journal(options.journal, settings_of(*model, fragment, start, options), options.fresh);
  SearchResult result = StrengthSearch(model, file, options, journal).run(start);
  write_result(file, result, options, out);
  return result;
}

}  // namespace aicoder
