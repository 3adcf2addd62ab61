#include <fmt/format.h>

#include <algorithm>

#include "eval/loss_change.h"
#include "eval/points_file.h"

namespace aicoder {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string text_hash(const std::vector<TextRecord>& records) {
  Sha256 hash;
  for (const auto& record : records) {
    hash.update(std::to_string(record.text.size()) + ":" + record.text);
    for (const auto& message : record.messages) hash.update(std::to_string(message.content.size()) + ":" + message.role + message.content);
  }
  return hash.hex();
}

struct Config {
  std::string axis;
  Recipe recipe;
  double keep;
  size_t rank, samples;
  float strength;
};

/// Every point once, the centre too: it stands on each axis.
std::vector<Config> configs_of(const AblationOptions& o) {
  const Config centre{"", o.recipe, o.keep, o.rank, 0, o.strength};
  std::vector<Config> all;
  const auto add = [&](const char* axis, const auto& values, auto set) {
    for (const auto& value : values) {
      Config config = centre;
      config.axis = axis;
      set(config, value);
      all.push_back(config);
    }
  };
  add("recipe", o.recipes, [](Config& c, Recipe v) { c.recipe = v; });
  add("keep", o.keeps, [](Config& c, double v) { c.keep = v; });
  add("rank", o.ranks, [](Config& c, size_t v) { c.rank = v; });
  add("samples", o.samples, [](Config& c, size_t v) { c.samples = v; });
  add("strength", o.strengths, [](Config& c, float v) { c.strength = v; });
  return all;
}

/// What a point depends on, its axis apart: a point that stands on two axes is measured once.
std::string key_of(const Config& c, const std::string& context) {
  return sha256_hex(fmt::format("{} {} {} {} {} {}", to_string(c.recipe), c.keep, c.rank, c.samples, c.strength, context)).substr(0, 24);
}

json to_json(const AblationPoint& p) {
  return {{"recipe", p.recipe},
          {"keep", p.keep},
          {"rank", p.rank},
          {"samples", p.samples},
          {"strength", p.strength},
          {"calib_tokens", p.calib_tokens},
          {"retained_energy", p.retained_energy},
          {"build_seconds", p.build_seconds},
          {"loss_task_off", p.loss_task_off},
          {"loss_task_on", p.loss_task_on},
          {"loss_other_off", p.loss_other_off},
          {"loss_other_on", p.loss_other_on},
          {"task_ci95", p.task_ci95},
          {"other_ci95", p.other_ci95}};
}

AblationPoint point_from(const json& v) {
  AblationPoint p;
  p.recipe = v.at("recipe").get<std::string>();
  p.keep = v.at("keep").get<double>();
  p.rank = v.at("rank").get<size_t>();
  p.samples = v.at("samples").get<size_t>();
  p.strength = v.at("strength").get<float>();
  p.calib_tokens = v.at("calib_tokens").get<size_t>();
  p.retained_energy = v.at("retained_energy").get<double>();
  p.build_seconds = v.at("build_seconds").get<double>();
  p.loss_task_off = v.at("loss_task_off").get<double>();
  p.loss_task_on = v.at("loss_task_on").get<double>();
  p.loss_other_off = v.at("loss_other_off").get<double>();
  p.loss_other_on = v.at("loss_other_on").get<double>();
  p.task_ci95 = v.at("task_ci95").get<std::array<double, 2>>();
  p.other_ci95 = v.at("other_ci95").get<std::array<double, 2>>();
  return p;
}

class Sweep {
 public:
  Sweep(LocalGenerator& generator, std::shared_ptr<const Model> model, const AblationOptions& options)
      : generator_(generator), model_(std::move(model)), options_(options) {}

  Ablation run() {
    check();
    fs::create_directories(options_.out_dir / "stats");
    fs::create_directories(options_.out_dir / "fragments");
    const fs::path journal = options_.out_dir / "points.jsonl";
    auto known = eval::read_points(journal, point_from);
    Ablation result{.model = model_->name(),
                    .model_fingerprint = model_->fingerprint(),
                    .engine = engine_description(),
                    .tokens_task = 0,
                    .tokens_other = 0,
                    .points = {}};
    task_off_ = loss(options_.held_out_task, {});
    other_off_ = loss(options_.held_out_other, {});
    result.tokens_task = task_off_.tokens;
    result.tokens_other = other_off_.tokens;
    const auto configs = configs_of(options_);
    for (const Config& config : configs) {
      throw_if_stopped(options_.stop);
      const std::string key = key_of(config, context_);
      auto found = known.find(key);
      if (found == known.end()) {
        found = known.emplace(key, measure(config)).first;
        eval::append_point(journal, to_json(found->second), key);
      }
      result.points.push_back(found->second);
      result.points.back().axis = config.axis;
      result.points.back().base = model_->path().stem().string();  // as it is named now
      if (options_.progress) {
        options_.progress({"ablate", static_cast<double>(result.points.size()), static_cast<double>(configs.size()), "points"});
      }
    }
    return result;
  }

 private:
  void check() {
    const auto refuse = [](const std::string& what) { throw Error(ErrorCode::kInvalidArgument, "[ablate] " + what); };
    if (options_.out_dir.empty()) refuse("no folder for the points");
    if (options_.task.empty() || options_.general.empty()) refuse("no calibration text");
    if (options_.held_out_task.empty() || options_.held_out_other.empty()) refuse("no held-out text");
    calibration_ = text_hash(options_.task) + text_hash(options_.general) + std::to_string(options_.calib_tokens) + model_->fingerprint();
    context_ = calibration_ + text_hash(options_.held_out_task) + text_hash(options_.held_out_other) + std::to_string(options_.text_tokens);
  }

  PerplexityResult loss(const std::vector<TextRecord>& records, std::span<const FragmentChoice> fragments) {
    return perplexity(generator_.lane(fragments), records, 512, options_.text_tokens, {}, options_.stop);
  }

  /// Captured once for each number of records, and kept in a file.
  const ActivationStats& stats(const std::string& which, const std::vector<TextRecord>& records, size_t n) {
    const size_t used = n == 0 ? records.size() : std::min(n, records.size());
    auto& entry = stats_[which + std::to_string(used)];
    if (entry.tokens > 0) return entry;
    const std::string name = fmt::format("{}-{}-{}.imatrix.gguf", which, used, sha256_hex(calibration_).substr(0, 12));
    const fs::path file = options_.out_dir / "stats" / name;
    if (fs::exists(file)) {
      entry = read_imatrix(file);
    } else {
      entry = capture(
          model_, std::span(records).first(used),
          {.max_tokens = options_.calib_tokens, .n_threads = options_.n_threads, .progress = options_.progress, .stop = options_.stop});
      write_imatrix(entry, file);
    }
    return entry;
  }

  AblationPoint measure(const Config& c) {
    const ActivationStats& task = stats("task", options_.task, c.samples);
    const ActivationStats& general = stats("general", options_.general, 0);
    // The strength is not part of the file: points that differ in it alone share one.
    Config built_for = c;
    built_for.strength = 0;
    const std::string name = key_of(built_for, calibration_);
    const fs::path file = options_.out_dir / "fragments" / (name + ".gguf");
    FragmentSpec spec{.name = name, .role = "ablation", .recipe = c.recipe};
    spec.keep = c.keep;
    spec.rank = c.rank;
    spec.task = &task;
    spec.general = &general;
    spec.n_threads = options_.n_threads;
    spec.stop = options_.stop;
    if (!builds_.contains(name)) builds_[name] = build_fragment(*model_, spec, file);
    const FragmentBuild& built = builds_[name];

    const FragmentChoice on{file.string(), c.strength};
    const PerplexityResult task_on = loss(options_.held_out_task, std::span(&on, 1)),
                           other_on = loss(options_.held_out_other, std::span(&on, 1));
    AblationPoint p;
    p.recipe = to_string(c.recipe);
    p.keep = c.keep;
    p.rank = c.rank;
    p.samples = c.samples;
    p.strength = c.strength;
    p.calib_tokens = task.tokens;
    p.retained_energy = built.retained_energy;
    p.build_seconds = built.seconds;
    p.loss_task_off = task_off_.nll;
    p.loss_task_on = task_on.nll;
    p.loss_other_off = other_off_.nll;
    p.loss_other_on = other_on.nll;
    p.task_ci95 = eval::loss_change_interval(task_off_, task_on);
    p.other_ci95 = eval::loss_change_interval(other_off_, other_on);
    return p;
  }

  LocalGenerator& generator_;
  std::shared_ptr<const Model> model_;
  const AblationOptions& options_;
  std::string calibration_, context_;  ///< what all points share, as text to hash
  PerplexityResult task_off_, other_off_;
  std::map<std::string, ActivationStats> stats_;
  std::map<std::string, FragmentBuild> builds_;
};

}  // namespace

Ablation run_ablation(LocalGenerator& generator, const std::shared_ptr<const Model>& model, const AblationOptions& options) {
  Ablation result = Sweep(generator, model, options).run();
  if (options.bases.empty()) return result;
  AblationOptions centre = options;
  centre.recipes.clear();
  centre.keeps.clear();
  centre.ranks.clear();
  centre.samples.clear();
  centre.strengths = {options.strength};
  const auto add = [&](Ablation&& one) {
    result.points.push_back(std::move(one.points.front()));
    result.points.back().axis = "base";
  };
  add(Sweep(generator, model, centre).run());
  for (const auto& path : options.bases) {
    const auto base = Model::load(path, {.progress = options.progress, .stop = options.stop});
    if (base->n_params() != model->n_params() || base->architecture() != model->architecture()) {
      throw Error(ErrorCode::kInvalidArgument, "[ablate] " + path.string() + " is another model than " + model->name(),
                  "give files of the same model in other quantizations");
    }
    LocalGenerator of_base(base, {.context = {.n_ctx_seq = 512, .n_threads = options.n_threads}},
                           [](std::string_view name) { return fs::path(name); });
    add(Sweep(of_base, base, centre).run());
  }
  return result;
}

}  // namespace aicoder
