#include "eval/guard_kl.h"
#include "eval/loss_change.h"
#include "eval/points_file.h"
#include "eval/run_tasks.h"
#include "eval/selection_tasks.h"

namespace aicoder {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr size_t kFewest = 4;  // below, no order of the points is rare enough to say anything

json to_json(const ProxyPoint& p) {
  return {{"fragment", p.candidate.name},
          {"strength", *p.candidate.strength},
          {"recipe", p.recipe},
          {"rank", p.rank},
          {"retained_energy", p.retained_energy},
          {"kl", p.kl},
          {"loss_changes", p.loss_changes},
          {"n", p.n},
          {"passed", p.passed},
          {"base_passed", p.base_passed},
          {"gain", p.gain},
          {"gain_ci95", p.gain_ci95},
          {"p_mcnemar", p.p_mcnemar}};
}

ProxyPoint point_from(const json& v) {
  ProxyPoint p;
  p.candidate = {v.at("fragment").get<std::string>(), v.at("strength").get<float>()};
  p.recipe = v.at("recipe").get<std::string>();
  p.rank = v.at("rank").get<size_t>();
  p.retained_energy = v.at("retained_energy").get<double>();
  p.kl = v.at("kl").get<double>();
  p.loss_changes = v.at("loss_changes").get<std::vector<double>>();
  p.n = v.at("n").get<size_t>();
  p.passed = v.at("passed").get<size_t>();
  p.base_passed = v.at("base_passed").get<size_t>();
  p.gain = v.at("gain").get<double>();
  p.gain_ci95 = v.at("gain_ci95").get<std::array<double, 2>>();
  p.p_mcnemar = v.at("p_mcnemar").get<double>();
  return p;
}

class Study {
 public:
  Study(LocalGenerator& generator, CodeRunner& runner, const ProxyOptions& options)
      : generator_(generator), runner_(runner), options_(options), tasks_(check_and_load()) {
    for (const auto& path : options.texts) texts_.push_back(read_text_records(path));
  }

  ProxyStudy run() {
    fs::create_directories(options_.out_dir);
    const fs::path journal = options_.out_dir / "points.jsonl";
    auto known = eval::read_points(journal, point_from);
    ProxyStudy study{.model = generator_.model_name(),
                     .model_fingerprint = options_.model_fingerprint,
                     .engine = engine_description(),
                     .suite = eval::selection_name(options_.suite),
                     .texts = {},
                     .points = {},
                     .correlations = {}};
    for (const auto& path : options_.texts) study.texts.push_back(path.filename().string());
    for (const auto& candidate : options_.candidates) {
      throw_if_stopped(options_.stop);
      const std::string key = key_of(candidate);
      auto found = known.find(key);
      if (found == known.end()) {
        found = known.emplace(key, measure(candidate, key)).first;
        eval::append_point(journal, to_json(found->second), key);
      }
      study.points.push_back(found->second);
      study.points.back().candidate = candidate;
      report(study.points.size());
    }
    correlate_all(study);
    return study;
  }

 private:
  std::vector<eval::EvalTask> check_and_load() const {
    const auto refuse = [](const std::string& what) { throw Error(ErrorCode::kInvalidArgument, "[proxies] " + what); };
    if (options_.out_dir.empty()) refuse("no folder for the points");
    if (options_.candidates.size() < kFewest) {
      refuse(fmt::format("a correlation needs at least {} candidates, found {}", kFewest, options_.candidates.size()));
    }
    for (const auto& candidate : options_.candidates) {
      if (candidate.strength.value_or(0.0f) == 0.0f) refuse(candidate.name + " has no strength, so it is the base");
    }
    if (options_.texts.empty() && options_.guard.empty()) refuse("neither a text nor a guard: there is nothing to correlate with");
    auto tasks = eval::selection_tasks(options_.suite, options_.tasks);
    if (options_.n_tasks != 0 && tasks.size() > options_.n_tasks) tasks.resize(options_.n_tasks);
    return tasks;
  }

  /// What a point depends on.
  std::string key_of(const FragmentChoice& candidate) const {
    Sha256 hash;
    hash.update(fmt::format("{} {} {} {} {} {} {} ", fragment_tensor_hash(candidate.name), *candidate.strength, options_.model_fingerprint,
                            options_.suite, options_.text_tokens, options_.guard_tokens, options_.max_tokens));
    for (const auto& task : tasks_) hash.update(task.id + task.hash());
    const auto add = [&](const std::vector<TextRecord>& records) {
      for (const auto& record : records) {
        hash.update(fmt::format("{}:{}", record.text.size(), record.text));
        for (const auto& m : record.messages) hash.update(fmt::format("{}:{}{}", m.content.size(), m.role, m.content));
      }
      hash.update("|");
    };
    add(options_.guard);
    for (const auto& text : texts_) add(text);
    return hash.hex().substr(0, 24);
  }

  EvalReport run_tasks(const FragmentChoice* candidate, const std::string& name) {
    EvalOptions run;
    run.suite = options_.suite;
    if (candidate != nullptr) {
      run.fragments = {*candidate};
      run.fragment_hashes = {fragment_tensor_hash(candidate->name)};
    }
    run.max_tokens = options_.max_tokens;
    run.n_workers = options_.n_workers;
    run.model_fingerprint = options_.model_fingerprint;
    run.out_dir = options_.out_dir / "runs" / name;
    run.stop = options_.stop;
    if (options_.progress) run.progress = [&](const Progress& p) { options_.progress({"tasks: " + name, p.done, p.total, p.unit}); };
    return eval::run_tasks(generator_, runner_, tasks_, run);
  }

  PerplexityResult loss(const std::vector<TextRecord>& records, std::span<const FragmentChoice> fragments) {
    return perplexity(generator_.lane(fragments), records, 512, options_.text_tokens, {}, options_.stop);
  }

  ProxyPoint measure(const FragmentChoice& candidate, const std::string& key) {
    if (!base_) {
      base_ = run_tasks(nullptr, "base");
      for (const auto& text : texts_) base_losses_.push_back(loss(text, {}));
    }
    const FragmentInfo info = inspect_fragment(candidate.name);
    ProxyPoint p{.candidate = candidate, .recipe = info.recipe, .rank = info.rank, .loss_changes = {}};
    for (const auto& tensor : info.tensors) p.retained_energy += tensor.retained_energy / static_cast<double>(info.tensors.size());
    for (size_t i = 0; i < texts_.size(); ++i) {
      const double on = loss(texts_[i], std::span(&candidate, 1)).nll;
      p.loss_changes.push_back(base_losses_[i].nll > 0 ? on / base_losses_[i].nll - 1 : 0);
    }
    p.kl = eval::guard_kl(generator_, std::span(&candidate, 1), options_.guard, options_.guard_tokens, options_.stop).front();
    const Comparison paired = compare(*base_, run_tasks(&candidate, key));
    p.n = paired.n;
    p.passed = paired.both + paired.only_b;
    p.base_passed = paired.both + paired.only_a;
    p.gain = paired.delta;
    p.gain_ci95 = paired.ci95;
    p.p_mcnemar = paired.p_mcnemar;
    return p;
  }

  void correlate_all(ProxyStudy& study) const {
    const auto add = [&](const std::string& name, auto proxy) {
      std::vector<double> x, y;
      for (const auto& p : study.points) {
        x.push_back(proxy(p));
        y.push_back(p.gain);
      }
      study.correlations.emplace_back(name, correlate(x, y));
    };
    for (size_t i = 0; i < study.texts.size(); ++i) {
      add("loss of " + study.texts[i], [i](const ProxyPoint& p) { return p.loss_changes[i]; });
    }
    if (!options_.guard.empty()) add("KL on the guard", [](const ProxyPoint& p) { return p.kl; });
    add("energy kept", [](const ProxyPoint& p) { return p.retained_energy; });
    add("strength", [](const ProxyPoint& p) { return static_cast<double>(*p.candidate.strength); });
  }

  void report(size_t n_done) const {
    if (options_.progress)
      options_.progress({"proxies", static_cast<double>(n_done), static_cast<double>(options_.candidates.size()), "candidates"});
  }

  LocalGenerator& generator_;
  CodeRunner& runner_;
  const ProxyOptions& options_;
  std::vector<eval::EvalTask> tasks_;
  std::vector<std::vector<TextRecord>> texts_;
  std::optional<EvalReport> base_;
  std::vector<PerplexityResult> base_losses_;
};

}  // namespace

ProxyStudy run_proxy_study(LocalGenerator& generator, CodeRunner& runner, const ProxyOptions& options) {
  return Study(generator, runner, options).run();
}

}  // namespace aicoder
