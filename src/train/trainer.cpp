#include "train/trainer.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "train/fragment_out.h"

namespace aicoder::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

size_t padded(size_t n) { return (n + 31) / 32 * 32; }

std::string text_of(const TextRecord& record) {
  std::string text = record.text;
  for (const ChatMessage& message : record.messages) text += "\x1f" + message.role + "\x1e" + message.content;
  return text;
}

/// The same record always falls on the same side, whatever else is in the file.
bool is_held_out(const TextRecord& record, double share) {
  const std::string hash = sha256_hex(text_of(record));
  return static_cast<double>(std::stoul(hash.substr(0, 8), nullptr, 16)) < share * 4294967296.0;
}

void hash_examples(Sha256& hash, std::span<const Example> examples) {
  for (const Example& e : examples) {
    hash.update(fmt::format("{} ", e.tokens.size()));
    hash.update({reinterpret_cast<const char*>(e.tokens.data()), e.tokens.size() * sizeof(Token)});
    hash.update({reinterpret_cast<const char*>(e.trained.data()), e.trained.size()});
  }
}

/// The first examples that make up `max_tokens`.
std::vector<Example> first_examples(std::vector<Example> all, size_t max_tokens) {
  size_t tokens = 0, n = 0;
  while (n < all.size() && tokens < max_tokens) tokens += all[n++].tokens.size();
  all.resize(n);
  return all;
}

}  // namespace

Trainer::Trainer(const std::shared_ptr<const Model>& model, const TrainOptions& options, std::filesystem::path out)
    : model_(model), options_(options), out_(std::move(out)), checkpoint_(out_.string() + ".checkpoint") {}

TrainResult Trainer::run() {
  std::error_code ignored;
  if (!options_.force && !options_.resume && std::filesystem::exists(checkpoint_, ignored)) {
    throw Error(ErrorCode::kFailedPrecondition, "[train] " + checkpoint_.string() + " is there: an earlier training was stopped",
                "--resume to go on with it, --force to begin again");
  }
  if (!options_.force && std::filesystem::exists(out_, ignored)) {
    throw Error(ErrorCode::kFailedPrecondition, "[train] " + out_.string() + " exists", "--force to replace it, or another -o");
  }
  const auto folder = std::filesystem::absolute(out_).parent_path();
  if (!std::filesystem::is_directory(folder, ignored)) {
    throw Error(ErrorCode::kNotFound, "[train] the folder " + folder.string() + " does not exist", "mkdir -p " + folder.string());
  }
  const Architecture architecture = read_architecture(model_->file());
  const double alpha = options_.alpha > 0 ? options_.alpha : 2 * static_cast<double>(options_.rank);
  layout_ = make_lora_layout(architecture, options_.rank, static_cast<float>(alpha));
  prepare_data();
  hash_ = run_hash();
  const int n_threads = options_.n_threads > 0 ? options_.n_threads : usable_cores();
  engine_ = std::make_unique<GradientEngine>(model_->file(), layout_,
                                             EngineOptions{.n_ctx = padded(options_.n_ctx),
                                                           .n_threads = n_threads,
                                                           .gpu = options_.gpu,
                                                           .recompute = options_.full_recompute ? Recompute::kFull : Recompute::kCheap,
                                                           .progress = options_.progress,
                                                           .stop = options_.stop});
  gradient_.resize(layout_.n_parameters);
  start_or_resume();
  while (!is_last()) step();
  return finish();
}

void Trainer::prepare_data() {
  std::vector<PlanSource> sources;
  std::vector<TextRecord> held_out = options_.held_out;
  const auto add = [&](std::span<const TextRecord> records, double weight) {
    ExampleSet set = tokenize_examples(*model_, records, options_.n_ctx, options_.progress, options_.stop);
    sources.push_back({data_.examples.size(), set.examples.size(), weight});
    std::move(set.examples.begin(), set.examples.end(), std::back_inserter(data_.examples));
    data_.cut += set.cut;
    data_.dropped += set.dropped;
  };
  double target_tokens = 0;
  for (const TrainingSource& source : options_.target) {
    std::vector<TextRecord> kept;
    for (const TextRecord& record : source.records) {
      (options_.held_out_share > 0 && is_held_out(record, options_.held_out_share) ? held_out : kept).push_back(record);
    }
    const size_t before = data_.tokens();
    add(kept, source.weight);
    target_tokens += source.weight * static_cast<double>(data_.tokens() - before);
  }
  if (data_.examples.empty()) {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("[train] nothing to train on: {} rows left nothing", data_.dropped),
                "a larger --context, or rows whose answers are not at the end of a long prompt");
  }
  if (options_.replay_share > 0) {
    const size_t before = data_.tokens();
    add(options_.replay, 1);
    const auto replay_tokens = static_cast<double>(data_.tokens() - before);
    const double wanted = target_tokens * options_.replay_share / (1 - options_.replay_share);
    sources.back().weight = replay_tokens > 0 ? wanted / replay_tokens : 0;
  }
  plan_ = make_plan(data_.examples, sources, options_.epochs, options_.n_ctx, options_.seed);
  n_steps_ = (plan_.passes.size() + options_.batch - 1) / options_.batch;
  if (options_.max_steps > 0) n_steps_ = std::min(n_steps_, options_.max_steps);
  schedule_ = {.rate = options_.rate,
               .floor = options_.rate_floor,
               .warmup = static_cast<size_t>(std::lround(options_.warmup * static_cast<double>(n_steps_))),
               .steps = n_steps_};
  const auto tokenized = [&](const std::vector<TextRecord>& records) {
    return tokenize_examples(*model_, records, options_.n_ctx, options_.progress, options_.stop).examples;
  };
  held_out_ = first_examples(tokenized(held_out), options_.measure_tokens);
  general_ = tokenized(options_.general);
  const bool needs_importance = options_.regularizer == Regularizer::kEwc || options_.regularizer == Regularizer::kHierarchical;
  if (needs_importance) split_general();
  general_ = first_examples(std::move(general_), options_.measure_tokens);
}

std::string Trainer::run_hash() {
  Sha256 data;
  hash_examples(data, data_.examples);
  Sha256 all;
  all.update(model_->fingerprint());
  all.update(fmt::format("1 {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", layout_.rank, layout_.scale, options_.n_ctx,
                         options_.batch, n_steps_, schedule_.rate, schedule_.floor, schedule_.warmup, options_.beta1, options_.beta2,
                         options_.epsilon, options_.weight_decay, options_.clip, options_.seed, to_string(options_.regularizer),
                         options_.regularizer_strength, options_.importance_steps, options_.measure_every, options_.patience,
                         options_.max_general_rise, options_.full_recompute));
  for (const auto& pass : plan_.passes) all.update(fmt::format(" {}", fmt::join(pass, ",")));
  hash_examples(all, data_.examples);
  hash_examples(all, held_out_);
  hash_examples(all, general_);
  hash_examples(all, importance_);
  data_hash_ = data.hex();
  return all.hex();
}

void Trainer::start_or_resume() {
  std::error_code ignored;
  if (options_.resume && std::filesystem::exists(checkpoint_, ignored)) {
    state_ = read_checkpoint(checkpoint_, hash_, layout_.n_parameters);
    engine_->set_parameters(state_.parameters);
    const bool measured = state_.curve.empty() || state_.curve.back().target_loss >= 0 || state_.curve.back().general_loss >= 0;
    if (!measured) measure_if_due();
    return;
  }
  if (options_.resume) {
    throw Error(ErrorCode::kNotFound, "[train] there is no checkpoint " + checkpoint_.string(), "leave out --resume");
  }
  state_ = {.parameters = initial_parameters(layout_, options_.seed), .optimizer = AdamW(layout_.n_parameters)};
  engine_->set_parameters(state_.parameters);
  if (!held_out_.empty()) state_.target_before = mean_loss(held_out_);
  if (!general_.empty()) state_.general_before = mean_loss(general_);
  prepare_anchor();
}

double Trainer::mean_loss(const std::vector<Example>& examples) {
  const std::vector<PlanSource> once{{0, examples.size(), 1}};
  double nll = 0;
  size_t n = 0;
  for (const auto& pass : make_plan(examples, once, 1, options_.n_ctx, 0).passes) {
    const Batch batch = pack(examples, pass);
    nll += engine_->loss(batch, options_.stop);
    n += batch.n_trained;
  }
  return nll / static_cast<double>(n);
}

void Trainer::step() {
  const auto started = Clock::now();
  TrainingStep row{.step = state_.step + 1, .tokens = state_.curve.empty() ? 0 : state_.curve.back().tokens};
  row.rate = learning_rate(schedule_, state_.step);
  std::fill(gradient_.begin(), gradient_.end(), 0.0f);
  double nll = 0;
  size_t n_trained = 0, n_tokens = 0;
  const size_t first = state_.step * options_.batch, last = std::min(first + options_.batch, plan_.passes.size());
  try {
    for (size_t pass = first; pass < last; ++pass) {
      const Batch batch = pack(data_.examples, plan_.passes[pass]);
      nll += engine_->loss_and_gradient(batch, gradient_, options_.stop);
      n_trained += batch.n_trained;
      n_tokens += batch.n_tokens;
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) save_checkpoint();  // of the last whole step
    throw;
  }
  row.loss = nll / static_cast<double>(n_trained);
  for (float& g : gradient_) g /= static_cast<float>(n_trained);
  row.penalty = state_.anchor.add(state_.parameters, gradient_);
  row.gradient_norm = clip_norm(gradient_, options_.clip);
  constexpr double kExplosion = 3;
  const double first_loss = state_.curve.empty() ? row.loss : state_.curve.front().loss;
  if (!std::isfinite(row.loss + row.penalty + row.gradient_norm) || row.loss > kExplosion * std::max(first_loss, 1.0)) {
    throw Error(
        ErrorCode::kFailedPrecondition,
        fmt::format("[train] the loss went from {:.3f} to {:.3f} with a gradient of norm {:.3g} at step {} of {}: training has left the "
                    "path; the last checkpoint is as it was",
                    first_loss, row.loss, row.gradient_norm, row.step, n_steps_),
        fmt::format("begin again with a lower rate: --force --rate {:.1g}", options_.rate / 4));
  }
  state_.optimizer.step(
      state_.parameters, gradient_, row.rate,
      {.beta1 = options_.beta1, .beta2 = options_.beta2, .epsilon = options_.epsilon, .weight_decay = options_.weight_decay});
  engine_->set_parameters(state_.parameters);
  const double seconds = seconds_since(started);
  row.tokens += n_tokens;
  row.tokens_per_s = static_cast<double>(n_tokens) / seconds;
  state_.seconds += seconds;
  state_.trained_tokens += n_trained;
  ++state_.step;
  state_.curve.push_back(row);
  measure_if_due();
  if (options_.on_step) options_.on_step(state_.curve.back());
  if (options_.progress) {
    options_.progress(
        {.stage = "train", .done = static_cast<double>(state_.step), .total = static_cast<double>(n_steps_), .unit = "steps"});
  }
  const bool save = options_.checkpoint_every > 0 && state_.step % options_.checkpoint_every == 0;
  if (save && !is_last()) save_checkpoint();
  if (save || is_last() || state_.step % 10 == 0) write_curve();
}

void Trainer::measure_if_due() {
  const bool due = options_.measure_every > 0 && state_.step % options_.measure_every == 0;
  if (!due && state_.step != n_steps_) return;
  try {
    measure(state_.curve.back());
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) save_checkpoint();  // its last step is measured first when resumed
    throw;
  }
}

void Trainer::measure(TrainingStep& row) {
  const double target_loss = held_out_.empty() ? -1 : mean_loss(held_out_), general_loss = general_.empty() ? -1 : mean_loss(general_);
  row.target_loss = target_loss;
  row.general_loss = general_loss;
  const double limit = state_.general_before * (1 + options_.max_general_rise);
  if (options_.max_general_rise > 0 && row.general_loss > limit) {
    end_ = TrainingEnd::kForgetting;
    return;
  }
  const bool keeps_best = options_.patience > 0 || options_.max_general_rise > 0;
  if (!keeps_best) return;
  // With patience the best is the lowest target loss; with a limit of forgetting alone, the latest that kept it.
  if (options_.patience == 0 || state_.best.empty() || row.target_loss < state_.best_loss) {
    state_.best = state_.parameters;
    state_.best_step = row.step;
    state_.best_loss = row.target_loss;
    state_.since_best = 0;
  } else if (++state_.since_best >= options_.patience) {
    end_ = TrainingEnd::kPatience;
  }
}

void Trainer::save_checkpoint() { write_checkpoint(checkpoint_, hash_, state_); }

void Trainer::write_curve() const {
  if (options_.curve.empty()) return;
  std::string text = "step,tokens,loss,rate,gradient_norm,penalty,target_loss,general_loss,tokens_per_s\n";
  const auto measured = [](double value) { return value < 0 ? std::string() : fmt::format("{:.6f}", value); };
  for (const TrainingStep& row : state_.curve) {
    text += fmt::format("{},{},{:.6f},{:.6g},{:.6g},{:.6g},{},{},{:.1f}\n", row.step, row.tokens, row.loss, row.rate, row.gradient_norm,
                        row.penalty, measured(row.target_loss), measured(row.general_loss), row.tokens_per_s);
  }
  write_file_atomic(options_.curve, text);
}

TrainResult Trainer::finish() {
  TrainResult result{.path = out_, .end = end_, .steps = state_.step, .kept_step = state_.step};
  const std::vector<TrainingStep>& curve = state_.curve;
  result.tokens = curve.empty() ? 0 : curve.back().tokens;
  result.trained_tokens = state_.trained_tokens;
  result.examples = data_.examples.size();
  result.cut = data_.cut;
  result.dropped = data_.dropped;
  result.seconds = state_.seconds;
  result.tokens_per_s = state_.seconds > 0 ? static_cast<double>(result.tokens) / state_.seconds : 0;
  result.target_loss_before = state_.target_before;
  result.general_loss_before = state_.general_before;
  if (!curve.empty()) {
    result.first_loss = curve.front().loss;
    const size_t tail = std::max<size_t>(1, curve.size() / 10);
    for (size_t i = curve.size() - tail; i < curve.size(); ++i) result.train_loss += curve[i].loss / static_cast<double>(tail);
    for (const TrainingStep& row : curve)
      result.penalty_share += row.penalty / (row.loss + row.penalty) / static_cast<double>(curve.size());
  }
  std::span<const float> kept = state_.parameters;
  // Where the last measurement is not the best one, what the best had is written; where forgetting came before any measurement
  // that kept the limit, there is nothing to write.
  if ((end_ != TrainingEnd::kDone || options_.patience > 0) && !state_.best.empty()) {
    kept = state_.best;
    result.kept_step = state_.best_step;
  } else if (end_ == TrainingEnd::kForgetting) {
    throw Error(ErrorCode::kFailedPrecondition,
                fmt::format("[train] general loss rose beyond the limit before the first measurement that kept it (step {})", state_.step),
                "a lower --rate, more --replay-share, or a smaller --measure-every");
  }
  if (result.kept_step > 0) {
    result.target_loss = curve[result.kept_step - 1].target_loss;
    result.general_loss = curve[result.kept_step - 1].general_loss;
  }
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) result.peak_bytes = static_cast<size_t>(usage.ru_maxrss) << 10;
  write_trained_fragment(*model_, layout_, kept, options_, result, data_hash_, out_);
  write_curve();
  std::error_code ignored;
  std::filesystem::remove(checkpoint_, ignored);
  result.curve = state_.curve;
  return result;
}

}  // namespace aicoder::train
