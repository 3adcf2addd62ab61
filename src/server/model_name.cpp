#include "server/model_name.h"

#include <fmt/format.h>

#include <algorithm>

namespace aicoder::server {
namespace {

constexpr size_t kMaxFragments = 8;
constexpr double kMaxStrength = 8;

}  // namespace

bool is_fragment_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.ends_with(".gguf")) return false;
  const bool ends_well = std::isalnum(static_cast<unsigned char>(name.front())) != 0;
  return ends_well &&
         std::ranges::all_of(name, [](unsigned char c) { return (c < 0x80 && std::isalnum(c) != 0) || c == '-' || c == '_' || c == '.'; });
}

std::vector<FragmentChoice> read_fragments(const Fields& fields, const std::string& base, const std::vector<std::string>& aliases) {
  std::vector<FragmentChoice> out;
  const auto add = [&out](const std::string& place, FragmentChoice choice) {
    if (!is_fragment_name(choice.name))
      throw bad_request(place, "a fragment is named by letters, digits, '-', '_' and '.'; GET /v1/fragments lists them");
    if (std::ranges::any_of(out, [&](const auto& other) { return other.name == choice.name; }))
      throw bad_request(place, fmt::format("fragment '{}' stands there twice", choice.name));
    if (out.size() >= kMaxFragments) throw bad_request(place, fmt::format("more than {} fragments", kMaxFragments));
    out.push_back(std::move(choice));
  };
  auto model = fields.text("model").value_or(base);
  for (const auto& alias : aliases) {
    if (model == alias || model.starts_with(alias + "+")) {
      model.replace(0, alias.size(), base);
      break;
    }
  }
  if (model != base) {
    if (!model.starts_with(base + "+")) {
      throw ApiError(404, "invalid_request_error", "model_not_found",
                     fmt::format("There is no model '{}' here; GET /v1/models lists what there is.", model.substr(0, 100)), "model");
    }
    for (size_t at = base.size(); at < model.size();) {
      const size_t next = std::min(model.find('+', at + 1), model.size());
      const auto text = model.substr(at + 1, next - at - 1);
      const auto name = text.substr(0, text.find(':'));
      if (!is_fragment_name(name)) throw bad_request("model", "expected BASE+FRAGMENT[:STRENGTH]");
      try {
        add("model", parse_fragment_choice(text));
      } catch (const ApiError&) {
        throw;
      } catch (const Error&) {
        throw bad_request("model", fmt::format("the strength of '{}' is no number from -{} to {}", name, kMaxStrength, kMaxStrength));
      }
      at = next;
    }
  }
  if (const Json* list = fields.array("fragments")) {
    for (size_t i = 0; i < list->size(); ++i) {
      const auto place = fmt::format("fragments[{}]", i);
      const Fields one((*list)[i], place);
      FragmentChoice choice{.name = one.required_text("name"), .strength = std::nullopt};
      if (const auto strength = one.number("strength", -kMaxStrength, kMaxStrength)) choice.strength = static_cast<float>(*strength);
      add(place + ".name", std::move(choice));
    }
  }
  return out;
}

std::string model_text(const std::string& base, const std::vector<FragmentChoice>& fragments) {
  std::string out = base;
  for (const auto& fragment : fragments) {
    out += "+" + fragment.name;
    if (fragment.strength) out += fmt::format(":{}", *fragment.strength);
  }
  return out;
}

}  // namespace aicoder::server
