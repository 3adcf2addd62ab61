#include "train/checkpoint.h"

#include <array>
#include <cmath>

#include "aicoder/gguf.h"

namespace aicoder::train {
namespace {

constexpr char kType[] = "aicoder-checkpoint";
constexpr uint32_t kVersion = 1;

struct Column {
  const char* key;
  double TrainingStep::* value;
};
constexpr std::array<Column, 7> kColumns = {{{"curve.loss", &TrainingStep::loss},
                                             {"curve.rate", &TrainingStep::rate},
                                             {"curve.gradient_norm", &TrainingStep::gradient_norm},
                                             {"curve.penalty", &TrainingStep::penalty},
                                             {"curve.target_loss", &TrainingStep::target_loss},
                                             {"curve.general_loss", &TrainingStep::general_loss},
                                             {"curve.tokens_per_s", &TrainingStep::tokens_per_s}}};

std::span<const std::byte> bytes_of(const std::vector<float>& values) { return std::as_bytes(std::span(values)); }

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : file_(GgufFile::open(path)) {}

  [[noreturn]] void broken(const std::string& what) const {
    throw Error(ErrorCode::kDataLoss, "[train] the checkpoint " + file_.path().string() + ": " + what, "start again with --force");
  }
  void check(const std::string& run_hash) const {
    if (file_.get_string("general.type").value_or("") != kType) broken("it is no checkpoint");
    if (file_.get_int("checkpoint.version").value_or(0) != kVersion) {
      throw Error(ErrorCode::kFailedPrecondition,
                  "[train] the checkpoint " + file_.path().string() + " was written by another version of aicoder",
                  "start again with --force");
    }
    if (file_.get_string("checkpoint.run").value_or("") != run_hash) {
      throw Error(ErrorCode::kFailedPrecondition,
                  "[train] the checkpoint " + file_.path().string() + " is of another base, other data or other options",
                  "give the command it was made with, or start again with --force");
    }
  }
  std::vector<float> floats(const char* name, size_t size, bool optional = false) const {
    const GgufTensor* tensor = file_.find(name);
    if (tensor == nullptr && optional) return {};
    if (tensor == nullptr || tensor->type != GgufType::kF32 || tensor->values() != size)
      broken(std::string(name) + " is missing or of another size");
    const auto values = file_.floats(*tensor);
    for (const float v : values) {
      if (!std::isfinite(v)) broken(std::string(name) + " holds values that are not finite");
    }
    return {values.begin(), values.end()};
  }
  size_t count(const char* key) const {
    const auto value = file_.get_int(key);
    if (!value || *value < 0) broken(std::string(key) + " is missing");
    return static_cast<size_t>(*value);
  }
  double number(const char* key) const {
    const auto value = file_.get_float(key);
    if (!value || !std::isfinite(*value)) broken(std::string(key) + " is missing");
    return *value;
  }
  template <typename T>
  std::vector<T> array(const char* key, size_t size) const {
    const auto found = file_.metadata().find(std::string_view(key));
    if (found != file_.metadata().end()) {
      if (const auto* any = std::get_if<GgufArray>(&found->second)) {
        if (const auto* values = std::get_if<std::vector<T>>(any); values != nullptr && values->size() == size) return *values;
      }
    }
    broken(std::string(key) + " is missing or of another size");
  }

 private:
  GgufFile file_;
};

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const std::string& run_hash, const TrainingState& state) {
  GgufWriter writer;
  writer.set("general.type", std::string(kType));
  writer.set("checkpoint.version", kVersion);
  writer.set("checkpoint.run", run_hash);
  writer.set("checkpoint.step", static_cast<uint64_t>(state.step));
  writer.set("checkpoint.trained_tokens", static_cast<uint64_t>(state.trained_tokens));
  writer.set("checkpoint.seconds", state.seconds);
  writer.set("checkpoint.target_before", state.target_before);
  writer.set("checkpoint.general_before", state.general_before);
  writer.set("best.step", static_cast<uint64_t>(state.best_step));
  writer.set("best.loss", state.best_loss);
  writer.set("best.since", static_cast<uint64_t>(state.since_best));
  std::vector<uint64_t> tokens;
  for (const TrainingStep& step : state.curve) tokens.push_back(step.tokens);
  writer.set("curve.tokens", GgufArray(std::move(tokens)));
  for (const Column& column : kColumns) {
    std::vector<double> values;
    for (const TrainingStep& step : state.curve) values.push_back(step.*column.value);
    writer.set(column.key, GgufArray(std::move(values)));
  }
  const auto add = [&](const char* name, const std::vector<float>& values) {
    if (!values.empty()) writer.add_tensor(name, GgufType::kF32, {values.size()}, bytes_of(values));
  };
  add("parameters", state.parameters);
  add("adamw.m", state.optimizer.m);
  add("adamw.v", state.optimizer.v);
  add("anchor.center", state.anchor.center);
  add("anchor.weight", state.anchor.weight);
  add("best.parameters", state.best);
  writer.write(path);
}

TrainingState read_checkpoint(const std::filesystem::path& path, const std::string& run_hash, size_t n_parameters) {
  const Reader reader(path);
  reader.check(run_hash);
  TrainingState state{.step = reader.count("checkpoint.step"),
                      .parameters = reader.floats("parameters", n_parameters),
                      .optimizer = AdamW(0),
                      .anchor = {.center = reader.floats("anchor.center", n_parameters, true),
                                 .weight = reader.floats("anchor.weight", n_parameters, true)},
                      .best = reader.floats("best.parameters", n_parameters, true),
                      .best_step = reader.count("best.step"),
                      .best_loss = reader.number("best.loss"),
                      .since_best = reader.count("best.since"),
                      .target_before = reader.number("checkpoint.target_before"),
                      .general_before = reader.number("checkpoint.general_before"),
                      .seconds = reader.number("checkpoint.seconds"),
                      .trained_tokens = reader.count("checkpoint.trained_tokens")};
  if (state.anchor.center.size() != state.anchor.weight.size()) reader.broken("half of the regularizer is missing");
  state.optimizer.m = reader.floats("adamw.m", n_parameters);
  state.optimizer.v = reader.floats("adamw.v", n_parameters);
  state.optimizer.steps = state.step;
  const auto tokens = reader.array<uint64_t>("curve.tokens", state.step);
  state.curve.resize(state.step);
  for (size_t i = 0; i < state.step; ++i) {
    state.curve[i].step = i + 1;
    state.curve[i].tokens = static_cast<size_t>(tokens[i]);
  }
  for (const Column& column : kColumns) {
    const auto values = reader.array<double>(column.key, state.step);
    for (size_t i = 0; i < state.step; ++i) state.curve[i].*column.value = values[i];
  }
  return state;
}

}  // namespace aicoder::train
