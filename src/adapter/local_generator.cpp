// The in-process engine: messages and fragment names in, text out.
#include <algorithm>
#include <chrono>
#include <map>

#include "adapter/lane_pool.h"

namespace aicoder {

struct LocalGenerator::Impl {
  std::shared_ptr<const Model> model;
  LaneOptions options;
  Resolve resolve;
  LanePool pool;

  std::vector<ActiveAdapter> activate(std::span<const FragmentChoice> fragments) {
    std::vector<FragmentFile> files;
    for (const auto& choice : fragments) files.push_back({resolve(choice.name), choice.strength});
    return pool.adapters().activate(files);
  }

  std::vector<Token> prompt(std::span<const ChatMessage> messages, std::string_view assistant_prefix) const {
    return model->chat_tokens(messages, true, assistant_prefix);
  }

  /// \param settings  of the fragments that are active for it
  GenerateRequest to_tokens(const GenerationRequest& request, std::span<const FragmentSettings> settings) const {
    GenerateRequest out;
    auto messages = request.messages;
    apply_settings(settings, messages);
    out.prompt = prompt(messages, request.assistant_prefix);
    if (out.prompt.size() + 1 > options.context.n_ctx_seq) throw ContextOverflow(out.prompt.size() + 1, options.context.n_ctx_seq);
    out.n = request.n;
    out.max_tokens = request.max_tokens;
    out.sampling = request.sampling;
    if (request.sampling_of_fragments) apply_settings(settings, out.sampling);
    out.stop_strings = request.stop_strings;
    out.grammar = request.grammar;
    out.n_logprobs = request.n_logprobs;
    out.on_token = request.on_token;
    out.on_logprob = request.on_logprob;
    out.lookup_tokens = request.lookup_tokens;
    return out;
  }
};

namespace {

/// Requests that run in one lane.
struct Group {
  std::vector<FragmentChoice> fragments;
  std::vector<size_t> members;
  std::vector<ActiveAdapter> set;  ///< once the files are loaded
};

std::vector<Group> group_by_fragments(std::span<const GenerationRequest> requests) {
  const auto same = [](const FragmentChoice& a, const FragmentChoice& b) { return a.name == b.name && a.strength == b.strength; };
  std::vector<Group> groups;
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto& wanted = requests[i].fragments;
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& g) {
      return std::equal(g.fragments.begin(), g.fragments.end(), wanted.begin(), wanted.end(), same);
    });
    if (group == groups.end()) group = groups.insert(groups.end(), {wanted, {}, {}});
    group->members.push_back(i);
  }
  return groups;
}

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

GenerationResult TextGenerator::generate_one(const GenerationRequest& request, const std::stop_token& stop) {
  return std::move(generate(std::span(&request, 1), stop).front());
}

LocalGenerator::LocalGenerator(std::shared_ptr<const Model> model, const LaneOptions& options, Resolve resolve)
    : impl_(new Impl{model, options, std::move(resolve), LanePool(model, options)}) {
  if (!model) throw Error(ErrorCode::kInvalidArgument, "[generator] no model");
}
LocalGenerator::~LocalGenerator() = default;

std::vector<GenerationResult> LocalGenerator::generate(std::span<const GenerationRequest> requests, const std::stop_token& stop,
                                                       const std::function<void(size_t, const GenerationResult&)>& on_done) {
  // All prompts first: a request that does not fit is refused before anything is decoded.
  std::vector<GenerateRequest> prompts(requests.size());
  std::vector<GenerationResult> results(requests.size());
  auto groups = group_by_fragments(requests);
  for (auto& group : groups) {
    // The switch happens once: the group's first request carries it.
    const auto start = std::chrono::steady_clock::now();
    group.set = impl_->activate(group.fragments);
    results[group.members.front()].switch_ms = ms_since(start);
    std::vector<FragmentSettings> settings;
    for (const auto& active : group.set) settings.push_back(active.adapter->settings());
    for (const size_t i : group.members) {
      prompts[i] = impl_->to_tokens(requests[i], settings);
      results[i].output.prompt_tokens = prompts[i].prompt.size();
      results[i].output.samples.resize(requests[i].n);
      for (auto& sample : results[i].output.samples) sample.finish = FinishReason::kCancelled;  // until its lane has run
    }
  }
  for (const auto& group : groups) {
    if (stop.stop_requested()) break;
    const auto start = std::chrono::steady_clock::now();
    const auto found = impl_->pool.get(group.set);
    results[group.members.front()].switch_ms += ms_since(start);
    results[group.members.front()].lane_created = found.created;

    std::vector<GenerateRequest> batch;
    for (size_t i : group.members) batch.push_back(std::move(prompts[i]));
    auto outputs = found.context.generate(batch, stop, [&](size_t k, const GenerateResult& output) {
      auto& result = results[group.members[k]];
      result.output = output;
      if (on_done) on_done(group.members[k], result);
    });
    for (size_t k = 0; k < outputs.size(); ++k) results[group.members[k]].output = std::move(outputs[k]);
  }
  return results;
}

size_t LocalGenerator::count_tokens(std::span<const ChatMessage> messages) { return impl_->prompt(messages, {}).size(); }
size_t LocalGenerator::n_ctx_seq() const { return impl_->options.context.n_ctx_seq; }
std::string LocalGenerator::model_name() const { return impl_->model->name(); }
Context& LocalGenerator::lane(std::span<const FragmentChoice> fragments) { return impl_->pool.get(impl_->activate(fragments)).context; }
size_t LocalGenerator::n_lanes() const noexcept { return impl_->pool.size(); }

}  // namespace aicoder
