// /v1/models, /v1/fragments, /health, /metrics, /openapi.json, and what all routes share.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "server/api.h"

namespace aicoder::server {
namespace {

/// A float as it was written: 0.05, not 0.05000000074505806.
double decimal(float value) { return std::strtod(fmt::format("{}", value).c_str(), nullptr); }

const LoadedFragment* loaded_as(const std::vector<LoadedFragment>& loaded, const FragmentInfo& info) {
  const auto found = std::ranges::find_if(loaded, [&](const auto& l) { return l.path == info.path || l.name == info.name; });
  return found == loaded.end() ? nullptr : &*found;
}

/// Without its path: where files lie is the operator's business.
Json fragment_json(const FragmentInfo& info, const LoadedFragment* loaded) {
  Json evidence = Json::array();
  for (const auto& e : info.evidence) {
    evidence.push_back({{"suite", e.suite},
                        {"n", e.n},
                        {"score_off", e.score_off},
                        {"score_on", e.score_on},
                        {"p_value", e.p_value},
                        {"strength", decimal(e.strength)}});
  }
  return {{"name", info.name},
          {"object", "fragment"},
          {"role", info.role},
          {"recipe", info.recipe},
          {"base", info.base_name},
          {"rank", info.rank},
          {"keep", decimal(static_cast<float>(info.keep))},
          {"strength", decimal(info.strength)},
          {"bytes", info.bytes},
          {"foreign", info.foreign},
          {"standing", to_string(standing(info))},
          {"evidence", evidence},
          {"loaded", loaded != nullptr},
          {"lanes", loaded != nullptr ? loaded->lanes : 0},
          {"requests", loaded != nullptr ? loaded->requests : 0}};
}

ApiError no_fragment(const std::string& name, const std::string& param) {
  return {404, "invalid_request_error", "fragment_not_found",
          fmt::format("There is no fragment '{}' for this model; GET /v1/fragments lists what there is.", name), param};
}

Json model_json(const std::string& id, int64_t created, const ServedModel& model) {
  return {{"id", id}, {"object", "model"}, {"created", created}, {"owned_by", "aicoder"}, {"context_length", model.n_ctx}};
}

std::string hex_salt() {
  const auto token = random_token();
  return token.substr(0, 8);
}

}  // namespace

Api::Api(ServerBackend& backend, const ServerOptions& options)
    : backend_(backend),
      options_(options),
      gate_(options.limits.requests),
      agent_gate_(options.limits.agent_runs),
      id_salt_(hex_salt()),
      started_(std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count()) {}

std::shared_ptr<Gate::Ticket> Api::enter(Gate& gate) const {
  if (draining_) throw overloaded("The server is ending.", std::chrono::seconds(5));
  auto ticket = gate.enter();
  if (!ticket) throw overloaded("Too many requests are under way already; try again.");
  return ticket;
}

std::string Api::new_id(std::string_view prefix) { return fmt::format("{}{}{:x}", prefix, id_salt_, ++next_id_); }

RequestDefaults Api::defaults() const {
  return {.base = backend_.model().name,
          .aliases = options_.aliases,
          .max_tokens = backend_.model().n_ctx,
          .temperature = options_.temperature};
}

void Api::check_fragments(const std::vector<FragmentChoice>& choices) const {
  if (choices.empty()) return;
  const auto known = backend_.fragments();
  for (const auto& choice : choices) {
    if (std::ranges::none_of(known, [&](const auto& info) { return info.name == choice.name; })) throw no_fragment(choice.name, "model");
  }
}

void Api::list_models(Exchange& exchange) {
  const auto& base = backend_.model().name;
  Json data = Json::array();
  const auto add = [&](const std::string& id) { data.push_back(model_json(id, started_, backend_.model())); };
  add(base);
  for (const auto& info : backend_.fragments()) {
    if (is_fragment_name(info.name)) add(base + "+" + info.name);
  }
  for (const auto& alias : options_.aliases) add(alias);
  exchange.reply({{"object", "list"}, {"data", data}});
}

void Api::get_model(Exchange& exchange) {
  const Json asked = {{"model", exchange.path_param}};
  check_fragments(read_fragments(Fields(asked), backend_.model().name, options_.aliases));
  exchange.reply(model_json(exchange.path_param, started_, backend_.model()));
}

void Api::list_fragments(Exchange& exchange) {
  const auto loaded = backend_.loaded_fragments();
  Json data = Json::array();
  for (const auto& info : backend_.fragments()) data.push_back(fragment_json(info, loaded_as(loaded, info)));
  exchange.reply({{"object", "list"}, {"data", data}});
}

void Api::load_fragment(Exchange& exchange) {
  const auto body = parse_body(exchange.body);
  const auto name = Fields(body).required_text("name");
  if (!is_fragment_name(name))
    throw bad_request("name", "a fragment is named by letters, digits, '-', '_' and '.'; files are named by the operator only");
  check_fragments({{.name = name, .strength = std::nullopt}});
  (void)backend_.load_fragment(name);
  const auto loaded = backend_.loaded_fragments();
  for (const auto& info : backend_.fragments()) {
    if (info.name == name) return exchange.reply(fragment_json(info, loaded_as(loaded, info)));
  }
  throw no_fragment(name, "name");
}

void Api::unload_fragment(Exchange& exchange) {
  const auto& name = exchange.path_param;
  const auto known = backend_.fragments();
  if (std::ranges::none_of(known, [&](const auto& info) { return info.name == name; })) throw no_fragment(name.substr(0, 64), "name");
  const bool was_loaded = backend_.unload_fragment(name);
  exchange.reply({{"name", name}, {"object", "fragment.unloaded"}, {"unloaded", was_loaded}});
}

void Api::metrics_text(Exchange& exchange) {
  exchange.content_type = "text/plain; version=0.0.4; charset=utf-8";
  exchange.answer = metrics_.text(backend_.stats(), gate_.n() + agent_gate_.n());
}

void Api::health(Exchange& exchange) {
  // For whoever watches: nothing here needs a token.
  if (draining_) return exchange.reply({{"status", "draining"}}, 503);
  exchange.reply({{"status", "ok"}});
}

void Api::openapi(Exchange& exchange) { exchange.answer = std::string(openapi_document()); }

}  // namespace aicoder::server
