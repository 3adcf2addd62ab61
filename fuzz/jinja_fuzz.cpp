// Any template at all: it renders within its limits or throws an Error; no crash, no hang, no endless memory.
#include <string_view>

#include "aicoder/core.h"
#include "model/jinja.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using aicoder::jinja::Value;
  const auto message = [](const char* role, const char* content) {
    return Value::dict({{Value("role"), Value(role)}, {Value("content"), Value(content)}});
  };
  const aicoder::jinja::Template::Variables variables = {
      {"messages", Value::list({message("system", "S"), message("user", " Hi "), message("assistant", "\xed\x95\x9c \xff")})},
      {"tools", Value(aicoder::jinja::None{})},
      {"s", Value("text")},
      {"n", Value(int64_t{3})},
      {"add_generation_prompt", Value(true)},
      {"bos_token", Value("<s>")},
  };
  aicoder::jinja::Limits limits;
  limits.max_steps = 200000;  // enough for every construct, quick enough for thousands of inputs a second
  limits.max_output_bytes = 1 << 20;
  try {
    const std::string source(reinterpret_cast<const char*>(data), size);
    (void)aicoder::jinja::Template::parse(source, limits).render(variables);
  } catch (const aicoder::Error&) {
  }
  return 0;
}
