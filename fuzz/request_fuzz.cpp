// Any body of a request: read, or refused with an ApiError; schemas become grammars within their limits; no crash, no hang.
#include <string_view>

#include "server/chat_request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aicoder::server;
  static const RequestDefaults defaults{.base = "tiny", .aliases = {"other"}, .max_tokens = 512};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ToolCallReader reader({"f"}, "call_");
  (void)reader.add(text.substr(0, size / 2));
  (void)reader.add(text.substr(size / 2));
  (void)reader.finish();
  try {
    const auto body = parse_body(text);
    const auto attempt = [&](auto&& read) {
      try {
        read();
      } catch (const ApiError& error) {
        (void)dump(error_json(error));
      }
    };
    attempt([&] { (void)read_chat_request(body, defaults); });
    attempt([&] { (void)read_completion_request(body, defaults); });
    attempt([&] { (void)read_embedding_request(body, defaults, 64); });
    attempt([&] { (void)schema_to_grammar(body, "schema"); });
  } catch (const ApiError&) {
  }
  return 0;
}
