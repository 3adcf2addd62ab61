#include "bench/chat_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <mutex>

namespace aicoder {
namespace {

using Clock = std::chrono::steady_clock;

struct HeaderListDeleter {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

[[noreturn]] void bad_event(std::string_view found) {
  throw Error(ErrorCode::kInternal,
              fmt::format("[bench] an answer that is no stream of chat chunks: {}", to_valid_utf8(found.substr(0, 200))),
              "give the URL of an OpenAI endpoint, http://HOST:PORT/v1");
}

size_t number(const nlohmann::json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number_unsigned() ? it->get<size_t>() : 0;
}

}  // namespace

// ---- the stream ------------------------------------------------------------------------------------------------------

bool ChatStream::add(std::string_view bytes) {
  const size_t before = pieces_;
  rest_ += bytes;
  size_t at = 0;
  for (size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', at)) {
    std::string_view line(rest_.data() + at, end - at);
    at = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("data:")) {
      line.remove_prefix(5);
      if (line.starts_with(' ')) line.remove_prefix(1);
      read_event(line);
    } else if (!line.empty() && !line.starts_with(':') && !line.starts_with("event:") && !line.starts_with("id:")) {
      bad_event(line);
    }
  }
  rest_.erase(0, at);
  return before == 0 && pieces_ > 0;
}

void ChatStream::read_event(std::string_view data) {
  if (data == "[DONE]") {
    done_ = true;
    return;
  }
  const auto event = nlohmann::json::parse(data, nullptr, false);
  if (!event.is_object()) bad_event(data);
  if (event.contains("error")) {
    throw Error(ErrorCode::kUnavailable, fmt::format("[bench] the server ended the answer: {}", to_valid_utf8(data.substr(0, 300))));
  }
  const auto choices = event.find("choices");
  if (choices != event.end() && choices->is_array()) {
    for (const auto& choice : *choices) {
      const auto delta = choice.is_object() ? choice.find("delta") : choice.end();
      if (!choice.is_object() || delta == choice.end() || !delta->is_object()) continue;
      const auto content = delta->find("content");
      if (content != delta->end() && content->is_string() && !content->get_ref<const std::string&>().empty()) ++pieces_;
    }
  }
  const auto usage = event.find("usage");
  if (usage == event.end() || !usage->is_object()) return;
  tokens_ = number(*usage, "completion_tokens");
  prompt_tokens_ = number(*usage, "prompt_tokens");
  const auto details = usage->find("prompt_tokens_details");
  if (details != usage->end() && details->is_object()) cached_tokens_ = number(*details, "cached_tokens");
}

ChatTiming ChatStream::counts() const {
  return {.tokens = tokens_ > 0 ? tokens_ : pieces_, .prompt_tokens = prompt_tokens_, .cached_tokens = cached_tokens_};
}

// ---- the connection --------------------------------------------------------------------------------------------------

struct ChatClient::Impl {
  std::string base_url, token;
  std::stop_token stop;
  CURL* curl = nullptr;

  // Of the request under way.
  bool streamed = false;
  ChatStream stream;
  std::string body;
  Clock::time_point start, first;
  std::exception_ptr failure;

  void receive(std::string_view bytes) {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (!streamed || status != 200) {
      body += bytes.substr(0, (size_t{1} << 20) - std::min(body.size(), size_t{1} << 20));
      return;
    }
    if (stream.add(bytes)) first = Clock::now();
  }
  // No exception crosses libcurl: it is kept, and the short count makes libcurl stop.
  static size_t on_body(char* data, size_t size, size_t n, void* self) noexcept {
    auto& impl = *static_cast<Impl*>(self);
    try {
      impl.receive({data, size * n});
      return size * n;
    } catch (...) {
      impl.failure = std::current_exception();
      return 0;
    }
  }
  static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    return static_cast<Impl*>(self)->stop.stop_requested() ? 1 : 0;
  }

  void perform(const std::string& path, const std::string* post) {
    const auto url = base_url + path;
    std::unique_ptr<curl_slist, HeaderListDeleter> headers;
    const auto add_header = [&](const std::string& line) {
      curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
      if (longer == nullptr) throw Error(ErrorCode::kResourceExhausted, "[bench] no memory");
      (void)headers.release();
      headers.reset(longer);
    };
    add_header("Expect:");
    if (post != nullptr) add_header("Content-Type: application/json");
    if (!token.empty()) add_header("Authorization: Bearer " + token);
    streamed = post != nullptr;
    stream = {};
    body.clear();
    failure = nullptr;
    char reason[CURL_ERROR_SIZE] = "";
    curl_easy_reset(curl);  // keeps the connection
    const auto set = [this](CURLoption option, auto value) { curl_easy_setopt(curl, option, value); };
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_CONNECTTIMEOUT, 10L);
    set(CURLOPT_PROXY, "");  // what stands between would be measured too
    set(CURLOPT_ERRORBUFFER, &reason[0]);
    set(CURLOPT_WRITEFUNCTION, &Impl::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &Impl::on_progress);
    set(CURLOPT_XFERINFODATA, this);
    if (post != nullptr) {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(post->size()));
      set(CURLOPT_POSTFIELDS, post->c_str());
    }
    start = first = Clock::now();
    const CURLcode code = curl_easy_perform(curl);
    throw_if_stopped(stop);
    if (failure) std::rethrow_exception(failure);
    if (code != CURLE_OK) {
      throw Error(ErrorCode::kUnavailable, fmt::format("[bench] {}: {}", url, reason[0] != '\0' ? &reason[0] : curl_easy_strerror(code)),
                  "is the server there, and is this its address?");
    }
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
      throw Error(ErrorCode::kUnavailable, fmt::format("[bench] {} answered {}: {}", url, status, to_valid_utf8(body.substr(0, 300))));
    }
  }
};

ChatClient::ChatClient(std::string base_url, std::string token, std::stop_token stop) : impl_(std::make_unique<Impl>()) {
  static std::once_flag curl_started;
  std::call_once(curl_started, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  impl_->base_url = std::move(base_url);
  impl_->token = std::move(token);
  impl_->stop = std::move(stop);
  impl_->curl = curl_easy_init();
  if (impl_->curl == nullptr) throw Error(ErrorCode::kResourceExhausted, "[bench] libcurl could not start");
}
ChatClient::~ChatClient() { curl_easy_cleanup(impl_->curl); }

std::string ChatClient::get(const std::string& path) {
  impl_->perform(path, nullptr);
  return impl_->body;
}

ChatTiming ChatClient::chat(nlohmann::json body) {
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  const std::string text = body.dump();
  impl_->perform("/chat/completions", &text);
  const auto end = Clock::now();
  if (impl_->stream.pieces() == 0) {
    throw Error(ErrorCode::kInternal, fmt::format("[bench] {} answered without any text", impl_->base_url),
                "take another model or other fragments: these end at once");
  }
  const auto ms = [&](Clock::time_point at) { return std::chrono::duration<double, std::milli>(at - impl_->start).count(); };
  ChatTiming timing = impl_->stream.counts();
  timing.first_ms = ms(impl_->first);
  timing.total_ms = ms(end);
  return timing;
}

}  // namespace aicoder
