// The HTTP face over a fake engine: answers, refusals, limits, clients that leave, the end. The five points that we rely on in cpp-httplib
// are ContractOfTheHttpLibrary.*.
#include "server/server_fixture.h"

#include <fstream>

#include "support/error_matcher.h"

namespace aicoder::test {
namespace {

class ContractOfTheHttpLibrary : public ServerTest {};
class ServerAnswers : public ServerTest {};
class ServerRefuses : public ServerTest {};
class ServerCancels : public ServerTest {};
class ServerEnds : public ServerTest {};
class ServerRunsAgents : public ServerTest {};

// ---- answers -----------------------------------------------------------------------------------------------------------

TEST_F(ServerAnswers, AChatInOpenAIsShape) {
  start();
  auto body = chat_body();
  body["n"] = 2;
  const auto answer = post("/v1/chat/completions", body);
  ASSERT_EQ(answer.status, 200) << answer.text;
  EXPECT_EQ(answer.body["object"], "chat.completion");
  EXPECT_EQ(answer.body["model"], "tiny");
  ASSERT_EQ(answer.body["choices"].size(), 2);
  EXPECT_EQ(answer.body["choices"][1]["index"], 1);
  EXPECT_EQ(answer.body["choices"][1]["message"]["content"], "Hello there!");
  EXPECT_EQ(answer.body["choices"][1]["finish_reason"], "stop");
  EXPECT_EQ(answer.body["usage"]["prompt_tokens"], 5);
  EXPECT_EQ(answer.body["usage"]["completion_tokens"], 6);
  EXPECT_EQ(answer.body["usage"]["total_tokens"], 11);
  EXPECT_EQ(backend_.last().generation.max_tokens, 512);
}

TEST_F(ServerAnswers, AStreamInChunksWithUsageAndAnEnd) {
  start();
  auto body = chat_body(true);
  body["stream_options"] = {{"include_usage", true}};
  const auto answer = post("/v1/chat/completions", body);
  const auto events = events_of(answer.text);
  ASSERT_EQ(events.size(), 7) << answer.text;  // role, three pieces, finish, usage, [DONE]
  EXPECT_EQ(events[0]["choices"][0]["delta"]["role"], "assistant");
  std::string text;
  for (size_t i = 1; i < 4; ++i) {
    text += events[i]["choices"][0]["delta"]["content"].get<std::string>();
    EXPECT_TRUE(events[i]["choices"][0]["finish_reason"].is_null());
    EXPECT_TRUE(events[i]["usage"].is_null());
  }
  EXPECT_EQ(text, "Hello there!");
  EXPECT_EQ(events[4]["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(events[5]["choices"].empty());
  EXPECT_EQ(events[5]["usage"]["completion_tokens"], 3);
  EXPECT_EQ(events[6], "[DONE]");
}

TEST_F(ServerAnswers, LogProbabilitiesWithBytesOfHalfACharacter) {
  start();
  auto body = chat_body();
  body["logprobs"] = true;
  body["top_logprobs"] = 2;
  const auto answer = post("/v1/chat/completions", body);
  const auto& content = answer.body["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(content.size(), 3) << answer.text;
  EXPECT_EQ(content[0]["bytes"], Json::array({0xED, 0x95}));
  EXPECT_EQ(content[0]["token"], "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(content[0]["top_logprobs"][1]["logprob"], -9999.0);  // JSON has no infinity
}

TEST_F(ServerAnswers, AStreamTellsLogProbabilitiesWithTheirPieces) {
  start();
  auto body = chat_body(true);
  body["logprobs"] = true;
  const auto events = events_of(post("/v1/chat/completions", body).text);
  ASSERT_EQ(events.size(), 6);  // role, three pieces, finish, [DONE]
  EXPECT_TRUE(events[0]["choices"][0]["logprobs"].is_null());
  for (size_t i = 1; i < 4; ++i) EXPECT_EQ(events[i]["choices"][0]["logprobs"]["content"].size(), 1) << events[i];
  EXPECT_EQ(events[4]["choices"][0]["logprobs"]["content"].size(), 0) << "none is told twice";

  const auto legacy =
      events_of(post("/v1/completions", {{"model", "tiny"}, {"prompt", "a"}, {"max_tokens", 3}, {"logprobs", 1}, {"stream", true}}).text);
  ASSERT_EQ(legacy.size(), 5);
  for (size_t i = 0; i < 3; ++i) {
    // Each token of the fake is two bytes of a character.
    EXPECT_EQ(legacy[i]["choices"][0]["logprobs"]["text_offset"], Json::array({2 * i})) << legacy[i];
  }
  EXPECT_EQ(legacy[3]["choices"][0]["logprobs"]["tokens"].size(), 0);
}

TEST_F(ServerAnswers, LogProbabilitiesOfHeldBackTextComeWithTheNextChunk) {
  backend_.pieces = {"<tool", "_call>\n{\"name\": \"look\", \"arguments\": {}}", "</tool_call>"};
  start();
  auto body = chat_body(true);
  body["logprobs"] = true;
  body["tools"] = Json::array({{{"type", "function"}, {"function", {{"name", "look"}, {"parameters", {{"type", "object"}}}}}}});
  size_t told = 0;
  for (const auto& event : events_of(post("/v1/chat/completions", body).text)) {
    if (!event.is_object() || event["choices"][0]["logprobs"].is_null()) continue;
    told += event["choices"][0]["logprobs"]["content"].size();
    const bool calls = event["choices"][0]["delta"].contains("tool_calls");
    EXPECT_TRUE(!calls || told == 3) << event;
  }
  EXPECT_EQ(told, 3);
}

TEST_F(ServerAnswers, ToolCallsTakenOutOfTheText) {
  backend_.pieces = {"Let me see. <tool", "_call>\n{\"name\": \"look\", \"argu",
                     "ments\": {\"at\": 1}}\n</tool_call>\n<tool_call>\n{\"name\": \"look\", \"arguments\": {}}</tool_call>"};
  start();
  auto body = chat_body();
  body["tools"] = Json::array({{{"type", "function"}, {"function", {{"name", "look"}, {"parameters", {{"type", "object"}}}}}}});
  const auto whole = post("/v1/chat/completions", body);
  const auto& message = whole.body["choices"][0]["message"];
  EXPECT_EQ(message["content"], "Let me see. ") << whole.text;
  ASSERT_EQ(message["tool_calls"].size(), 2) << whole.text;
  EXPECT_EQ(message["tool_calls"][0]["function"]["name"], "look");
  EXPECT_EQ(message["tool_calls"][0]["function"]["arguments"], "{\"at\":1}");
  EXPECT_NE(message["tool_calls"][0]["id"], message["tool_calls"][1]["id"]);
  EXPECT_EQ(whole.body["choices"][0]["finish_reason"], "tool_calls");

  body["stream"] = true;
  std::string text;
  std::vector<Json> calls;
  std::string finish;
  for (const auto& event : events_of(post("/v1/chat/completions", body).text)) {
    if (!event.is_object()) continue;
    const auto& choice = event["choices"][0];
    if (choice["delta"].contains("content")) text += choice["delta"]["content"].get<std::string>();
    if (choice["delta"].contains("tool_calls"))
      calls.insert(calls.end(), choice["delta"]["tool_calls"].begin(), choice["delta"]["tool_calls"].end());
    if (choice["finish_reason"].is_string()) finish = choice["finish_reason"];
  }
  EXPECT_EQ(text, "Let me see. ");
  ASSERT_EQ(calls.size(), 2);
  EXPECT_EQ(calls[1]["index"], 1);
  EXPECT_EQ(finish, "tool_calls");
}

TEST_F(ServerAnswers, CompletionsAndEmbeddings) {
  start();
  const auto completion =
      post("/v1/completions", {{"model", "tiny"}, {"prompt", Json::array({"a", "b"})}, {"max_tokens", 3}, {"logprobs", 1}});
  ASSERT_EQ(completion.status, 200) << completion.text;
  ASSERT_EQ(completion.body["choices"].size(), 2);
  EXPECT_EQ(completion.body["choices"][1]["index"], 1);
  EXPECT_EQ(completion.body["choices"][1]["text"], "Hello there!");
  EXPECT_EQ(completion.body["choices"][1]["logprobs"]["tokens"].size(), 3);
  const auto streamed = events_of(post("/v1/completions", {{"prompt", Json::array({1, 2})}, {"stream", true}}).text);
  ASSERT_EQ(streamed.size(), 5);
  EXPECT_EQ(backend_.last().prompt, (std::vector<Token>{1, 2}));

  const auto floats = post("/v1/embeddings", {{"model", "tiny"}, {"input", "abc"}});
  EXPECT_EQ(floats.body["data"][0]["embedding"].size(), 2) << floats.text;
  EXPECT_EQ(floats.body["usage"]["prompt_tokens"], 3);
  const auto packed = post("/v1/embeddings", {{"model", "tiny"}, {"input", Json::array({"a", "b"})}, {"encoding_format", "base64"}});
  EXPECT_EQ(packed.body["data"][1]["embedding"], "mpkZP83MTD8=") << packed.text;  // python: base64.b64encode(struct.pack("<2f", .6, .8))
}

TEST_F(ServerAnswers, ModelsFragmentsAndTheirUse) {
  start();
  const auto models = get("/v1/models");
  ASSERT_EQ(models.body["data"].size(), 2) << models.text;
  EXPECT_EQ(models.body["data"][1]["id"], "tiny+coder");
  EXPECT_EQ(get("/v1/models/tiny+coder").body["id"], "tiny+coder");
  auto body = chat_body();
  body["model"] = "tiny+coder:0.3";
  EXPECT_EQ(post("/v1/chat/completions", body).body["model"], "tiny+coder:0.3");
  ASSERT_EQ(backend_.last().generation.fragments.size(), 1);
  EXPECT_EQ(backend_.last().generation.fragments[0].name, "coder");
  EXPECT_FLOAT_EQ(*backend_.last().generation.fragments[0].strength, 0.3f);

  EXPECT_EQ(get("/v1/fragments").body["data"][0]["loaded"], false);
  EXPECT_EQ(post("/v1/fragments", {{"name", "coder"}}).body["loaded"], true);
  const auto list = get("/v1/fragments");
  EXPECT_EQ(list.body["data"][0]["strength"], 0.25);
  EXPECT_EQ(list.text.find("secret"), std::string::npos) << "where files lie is not the client's business";
  const auto gone = answer_of(client().Delete("/v1/fragments/coder"));
  EXPECT_EQ(gone.body["unloaded"], true) << gone.text;
  EXPECT_EQ(answer_of(client().Delete("/v1/fragments/coder")).body["unloaded"], false);
}

TEST_F(ServerAnswers, AnotherNameOfTheModelToo) {
  auto given = options();
  given.aliases = {"gpt-5.5"};
  start(given);
  auto body = chat_body();
  body["model"] = "gpt-5.5+coder";
  EXPECT_EQ(post("/v1/chat/completions", body).body["model"], "tiny+coder");
}

TEST_F(ServerAnswers, MetricsHealthAndTheLogWithoutTexts) {
  start();
  (void)post("/v1/chat/completions", chat_body());
  (void)get("/no/such/route?with=secrets");
  EXPECT_EQ(get("/health").body["status"], "ok");
  const auto metrics = get("/metrics");
  EXPECT_NE(metrics.text.find("aicoder_http_requests_total{method=\"POST\",route=\"/v1/chat/completions\",status=\"200\"} 1\n"),
            std::string::npos)
      << metrics.text;
  EXPECT_NE(metrics.text.find("route=\"unmatched\",status=\"404\"} 1\n"), std::string::npos) << metrics.text;
  EXPECT_NE(metrics.text.find("aicoder_http_request_seconds_count"), std::string::npos);
  ASSERT_TRUE(soon([&] { return log().size() == 4; }));
  const auto first = log()[0];
  EXPECT_EQ(first["route"], "/v1/chat/completions");
  EXPECT_EQ(first["status"], 200);
  EXPECT_EQ(first["prompt_tokens"], 5);
  EXPECT_EQ(first["completion_tokens"], 3);
  for (const auto& line : log()) {
    EXPECT_EQ(line.dump().find("private"), std::string::npos);
    EXPECT_EQ(line.dump().find("Hello"), std::string::npos);
    EXPECT_EQ(line.dump().find("secrets"), std::string::npos);
  }
}

TEST_F(ServerAnswers, TheOpenApiDocumentNamesEveryRouteAndNoOther) {
  start();
  const auto document = get("/openapi.json");
  ASSERT_EQ(document.status, 200);
  std::set<std::string> described, served;
  for (const auto& [path, methods] : document.body["paths"].items()) {
    for (const auto& [method, ignored] : methods.items()) described.insert(method + " " + path);
  }
  for (const auto& route : server_routes()) {
    std::string method(route.method);
    std::ranges::transform(method, method.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    served.insert(method + " " + std::string(route.path));
  }
  EXPECT_EQ(described, served);
}

// ---- refusals ----------------------------------------------------------------------------------------------------------

TEST_F(ServerRefuses, BodiesThatAreNoJson) {
  start();
  const auto raw = [&](const std::string& body) { return answer_of(client().Post("/v1/chat/completions", body, "application/json")); };
  expect_error(raw("{"), 400, "invalid_json");
  expect_error(raw(""), 400, "invalid_json");
  expect_error(raw("[]"), 400, "invalid_json");
  expect_error(raw("{\"a\": \"\xFF\"}"), 400, "invalid_json");
  expect_error(raw("{\"a\": \"\xED\xA0\x80\"}"), 400, "invalid_json");
  expect_error(raw("{\"a\": 1e999}"), 400, "invalid_json");
  std::string deep = "{\"a\": ";
  expect_error(raw(deep + std::string(64, '[') + std::string(64, ']') + "}"), 400, "invalid_json");
  expect_error(raw(std::string(100'000, '[')), 400, "invalid_json");
  EXPECT_EQ(backend_.submitted, 0);
}

TEST_F(ServerRefuses, RoutesMethodsModelsFragmentsThatAreNot) {
  start();
  expect_error(get("/v1/nothing"), 404, "not_found");
  expect_error(get("/v1/chat/completions"), 405, "method_not_allowed");
  auto body = chat_body();
  body["model"] = "gpt-4o";
  expect_error(post("/v1/chat/completions", body), 404, "model_not_found");
  body["model"] = "tiny+poet";
  expect_error(post("/v1/chat/completions", body), 404, "fragment_not_found");
  body["model"] = "tiny+../../etc/passwd";
  expect_error(post("/v1/chat/completions", body), 400, "invalid_value");
  body["model"] = "tiny+coder:loud";
  expect_error(post("/v1/chat/completions", body), 400, "invalid_value");
  expect_error(post("/v1/fragments", {{"name", "/tmp/x.gguf"}}), 400, "invalid_value");
  expect_error(get("/v1/models/gpt-4o"), 404, "model_not_found");
}

TEST_F(ServerRefuses, ForeignHostsAndPages) {
  auto given = options();
  given.hosts = {"box.example"};
  given.origins = {"https://editor.example"};
  start(given);
  const auto port = std::to_string(server_->port());
  expect_error(get("/v1/models", {{"Host", "evil.example:" + port}}), 403, "host_not_allowed");
  EXPECT_EQ(get("/v1/models", {{"Host", "box.example"}}).status, 200);
  EXPECT_EQ(get("/v1/models", {{"Host", "localhost:1"}}).status, 200);  // a forwarded port
  EXPECT_EQ(get("/v1/models", {{"Host", "[::1]:" + port}}).status, 200);
  expect_error(get("/v1/models", {{"Origin", "http://evil.example"}}), 403, "origin_not_allowed");
  expect_error(get("/v1/models", {{"Origin", "null"}}), 403, "origin_not_allowed");
  expect_error(get("/v1/models", {{"Sec-Fetch-Site", "cross-site"}}), 403, "origin_not_allowed");
  EXPECT_EQ(get("/v1/models", {{"Host", "localhost:" + port}, {"Origin", "http://localhost:" + port}}).status, 200);
  const auto allowed = get("/v1/models", {{"Origin", "https://editor.example"}});
  EXPECT_EQ(allowed.headers.find("Access-Control-Allow-Origin")->second, "https://editor.example");
  EXPECT_EQ(get("/v1/models").headers.count("Access-Control-Allow-Origin"), 0);
  EXPECT_EQ(client().Options("/v1/models", {{"Origin", "https://editor.example"}})->status, 204);
  expect_error(answer_of(client().Post("/v1/chat/completions", chat_body().dump(), "text/plain")), 415, "unsupported_media_type");
  const Socket two_hosts(server_->port());
  two_hosts.send("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n");
  EXPECT_NE(two_hosts.read_until("bad_host").find("HTTP/1.1 400"), std::string::npos);
}

TEST_F(ServerRefuses, WrongTokens) {
  auto given = options();
  given.token = "0123456789abcdef0123";
  start(given);
  expect_error(get("/v1/models"), 401, "invalid_api_key");
  expect_error(get("/metrics"), 401, "invalid_api_key");
  expect_error(get("/v1/models", {{"Authorization", "Bearer 0123456789abcdef012"}}), 401, "invalid_api_key");
  expect_error(get("/v1/models", {{"Authorization", "Bearer"}}), 401, "invalid_api_key");
  expect_error(get("/v1/models", {{"Authorization", "Basic 0123456789abcdef0123"}}), 401, "invalid_api_key");
  EXPECT_EQ(get("/v1/models", {{"Authorization", "Bearer 0123456789abcdef0123"}}).status, 200);
  EXPECT_EQ(get("/health").status, 200);
  for (const auto& line : log()) EXPECT_EQ(line.dump().find("0123456789abcdef"), std::string::npos);
}

TEST_F(ServerRefuses, MoreThanItCanTake) {
  auto given = options();
  given.limits.requests = 1;
  backend_.endless = true;
  backend_.pause = 5ms;
  start(given);
  const Socket busy(server_->port());
  busy.send(chat_bytes(true));
  (void)busy.read_until("Hello");
  const auto refused = post("/v1/chat/completions", chat_body());
  expect_error(refused, 503, "overloaded");
  EXPECT_EQ(refused.headers.find("Retry-After")->second, "1");
  EXPECT_EQ(get("/v1/models").status, 200);  // what costs nothing goes on
}

TEST_F(ServerRefuses, AFullQueueOfTheEngine) {
  backend_.on_submit = [] { throw Error(ErrorCode::kResourceExhausted, "[engine] /secret: 64 requests wait"); };
  start();
  const auto refused = post("/v1/chat/completions", chat_body());
  expect_error(refused, 503, "overloaded");
  EXPECT_EQ(refused.headers.count("Retry-After"), 1);
  EXPECT_EQ(refused.text.find("secret"), std::string::npos);
}

TEST_F(ServerRefuses, TooManyRequestsOfOneAddress) {
  auto given = options();
  given.limits.requests_per_minute = 8;  // two at once
  start(given);
  EXPECT_EQ(get("/v1/models").status, 200);
  EXPECT_EQ(get("/v1/models").status, 200);
  const auto refused = get("/v1/models");
  expect_error(refused, 429, "rate_limit_exceeded");
  EXPECT_GE(std::stoi(refused.headers.find("Retry-After")->second), 1);
  EXPECT_EQ(get("/health").status, 200);
}

TEST_F(ServerRefuses, PromptsThatDoNotFit) {
  backend_.on_submit = [] { throw ContextOverflow(900, 512); };
  start();
  const auto refused = post("/v1/chat/completions", chat_body());
  expect_error(refused, 400, "context_length_exceeded");
  EXPECT_NE(refused.text.find("900"), std::string::npos);
}

TEST_F(ServerRefuses, TheSameBeforeThereIsAServer) {
  auto given = options();
  given.host = "0.0.0.0";
  EXPECT_ERROR(check_server_options(given), ErrorCode::kPermissionDenied, "no token is asked");
  given.token = random_token();
  given.host = "300.1.1.1";
  EXPECT_ERROR(check_server_options(given), ErrorCode::kUnavailable, "cannot listen on 300.1.1.1");
  given.host = "127.0.0.1";
  given.dirs = {"/no/such/folder"};
  EXPECT_ERROR(check_server_options(given), ErrorCode::kInvalidArgument, "is no folder");
  start();
  auto taken = options();
  taken.port = server_->port();
  EXPECT_ERROR(check_server_options(taken), ErrorCode::kUnavailable, "cannot listen");
  // What it looked at is free for the server itself.
  int port = 0;
  {
    const Server other(backend_, options());
    port = other.port();
  }
  auto free = options();
  free.port = port;
  check_server_options(free);
  EXPECT_EQ(Server(backend_, free).port(), port);
}

TEST_F(ServerRefuses, ToStartWhereItWouldBeOpen) {
  auto given = options();
  given.host = "0.0.0.0";
  EXPECT_ERROR(Server(backend_, given), ErrorCode::kPermissionDenied, "no token is asked");
  given.token = "short";
  EXPECT_ERROR(Server(backend_, given), ErrorCode::kInvalidArgument, "16 or more");
  start();
  auto taken = options();
  taken.port = server_->port();
  EXPECT_ERROR(Server(backend_, taken), ErrorCode::kUnavailable, "cannot listen");
  auto no_folder = options();
  no_folder.dirs = {"/no/such/folder"};
  EXPECT_ERROR(Server(backend_, no_folder), ErrorCode::kInvalidArgument, "is no folder");
}

// ---- the HTTP library --------------------------------------------------------------------------------------------------

TEST_F(ContractOfTheHttpLibrary, BodiesAreLimitedPlainAndChunked) {
  auto given = options();
  given.limits.body_bytes = 1 << 20;
  start(given);
  const std::string large(10 << 20, 'x');
  {
    const Socket plain(server_->port());
    plain.send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
               std::to_string(large.size()) + "\r\n\r\n");
    plain.send(large);
    EXPECT_NE(plain.read_until("body_too_large").find("HTTP/1.1 413"), std::string::npos);
  }
  const Socket chunked(server_->port());
  chunked.send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
  std::string piece = "40000\r\n" + std::string(0x40000, 'x') + "\r\n";
  for (int i = 0; i < 6; ++i) chunked.send(piece);
  chunked.send("0\r\n\r\n");
  EXPECT_NE(chunked.read_until("body_too_large").find("HTTP/1.1 413"), std::string::npos);
  EXPECT_EQ(get("/health").status, 200);
}

TEST_F(ContractOfTheHttpLibrary, HeadersAreLimited) {
  start();
  const Socket many(server_->port());
  std::string request = "GET /health HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 2000; ++i) request += "X-" + std::to_string(i) + ": y\r\n";
  many.send(request + "\r\n");
  const auto answer = many.read_until("}}");
  EXPECT_NE(answer.find("HTTP/1.1 400"), std::string::npos) << answer;
  EXPECT_NE(answer.find("\"code\":\"bad_request\""), std::string::npos) << answer;
  const Socket nonsense(server_->port());
  nonsense.send("\x01\x02 nonsense\r\n\r\n");
  EXPECT_NE(nonsense.read_until("}}").find("HTTP/1.1 400"), std::string::npos);
}

TEST_F(ContractOfTheHttpLibrary, TextsOfExceptionsStayHere) {
  backend_.on_run = [] { throw std::runtime_error("/secret/file: what happened"); };
  start();
  const auto whole = post("/v1/chat/completions", chat_body());
  expect_error(whole, 500, "internal");
  EXPECT_EQ(whole.text.find("secret"), std::string::npos);
  for (const auto& [name, value] : whole.headers) EXPECT_EQ(value.find("secret"), std::string::npos);
  const auto streamed = post("/v1/chat/completions", chat_body(true));
  EXPECT_NE(streamed.text.find("\"code\":\"internal\""), std::string::npos) << streamed.text;
  EXPECT_EQ(streamed.text.find("secret"), std::string::npos);
  ASSERT_TRUE(soon([&] { return log().size() == 2; }));
  EXPECT_EQ(log()[0]["error"], "/secret/file: what happened");  // the operator is told
}

TEST_F(ContractOfTheHttpLibrary, AStreamComesPieceByPiece) {
  backend_.endless = true;
  backend_.pause = 5ms;
  start();
  const Socket reader(server_->port());
  reader.send(chat_bytes(true));
  EXPECT_NE(reader.read_until(" there").find("text/event-stream"), std::string::npos);
  EXPECT_EQ(backend_.ended, 0);
}

// ---- clients that leave ------------------------------------------------------------------------------------------------

TEST_F(ServerCancels, AStreamWhoseClientLeaves) {
  backend_.endless = true;
  backend_.pause = 5ms;
  start();
  {
    const Socket reader(server_->port());
    reader.send(chat_bytes(true));
    (void)reader.read_until("Hello");
  }
  EXPECT_TRUE(soon([&] { return backend_.ended == 1; }));
  EXPECT_EQ(backend_.stopped, 1);
  ASSERT_TRUE(soon([&] { return log().size() == 1; }));
  EXPECT_EQ(log()[0]["cancelled"], true);
}

TEST_F(ServerCancels, AnAnswerNobodyWaitsFor) {
  backend_.endless = true;
  backend_.pause = 5ms;
  start();
  {
    const Socket reader(server_->port());
    reader.send(chat_bytes(false));
    ASSERT_TRUE(soon([&] { return backend_.submitted == 1; }));
  }
  EXPECT_TRUE(soon([&] { return backend_.ended == 1; }));
}

TEST_F(ServerCancels, AReaderThatIsTooSlow) {
  auto given = options();
  given.limits.unread_bytes = size_t{64} * 1024;
  given.limits.write = 60s;  // not the time: the bytes
  backend_.pieces = {std::string(4096, 'x')};
  backend_.endless = true;
  start(given);
  const Socket reader(server_->port(), 4096);
  reader.send(chat_bytes(true));  // and never reads
  EXPECT_TRUE(soon([&] { return backend_.ended == 1; }));
  EXPECT_EQ(backend_.stopped, 1);
}

// ---- the end -----------------------------------------------------------------------------------------------------------

TEST_F(ServerEnds, AfterWhatRunsIsThrough) {
  backend_.pieces = std::vector<std::string>(40, "word ");
  backend_.pause = 10ms;
  start();
  const Socket reader(server_->port());
  reader.send(chat_bytes(true));
  (void)reader.read_until("word");
  runner_.request_stop();
  const auto rest = reader.read_until("[DONE]");
  EXPECT_NE(rest.find("\"finish_reason\":\"stop\""), std::string::npos);
  EXPECT_TRUE(soon([&] { return returned_.load(); }));
  EXPECT_TRUE(all_ended_);
  const Socket late(server_->port());
  EXPECT_FALSE(late.connected);
}

TEST_F(ServerEnds, AndCancelsWhatTakesTooLong) {
  auto given = options();
  given.limits.drain = 1s;
  backend_.endless = true;
  backend_.pause = 5ms;
  start(given);
  const Socket reader(server_->port());
  reader.send(chat_bytes(true));
  (void)reader.read_until("Hello");
  runner_.request_stop();
  EXPECT_NE(reader.read_until("overloaded").find("The server is ending."), std::string::npos);
  EXPECT_TRUE(soon([&] { return returned_.load(); }));
  EXPECT_FALSE(all_ended_);
}

TEST_F(ServerEnds, WithoutWaitingForIdleConnections) {
  start();
  auto kept = client();
  kept.set_keep_alive(true);
  ASSERT_EQ(kept.Get("/health")->status, 200);
  runner_.request_stop();
  EXPECT_TRUE(soon([&] { return returned_.load(); }));
  EXPECT_TRUE(all_ended_);
}

// ---- agent runs --------------------------------------------------------------------------------------------------------

AgentResult change_one_file(const std::filesystem::path& dir) {
  AgentResult result;
  result.answer = "done";
  result.verification = Verification::kRan;
  if (dir.empty()) return result;
  result.files.push_back({.path = "a.txt", .diff = "-old\n+new\n", .before = "old\n", .after = "new\n"});
  return result;
}

TEST_F(ServerRunsAgents, AsEventsAndAppliesOnlyWhenAsked) {
  const TempDir project, home;
  ::setenv("AICODER_HOME", home.path().c_str(), 1);
  std::ofstream(project / "a.txt") << "old\n";
  auto given = options();
  given.dirs = {project.path()};
  backend_.agent = [](const TaskRequest& task, const AgentObserver& observer, const std::stop_token&) {
    observer.on_step_begin({.role = "plan"});
    observer.on_step_end({.role = "plan", .detail = "1. change a"});
    observer.on_text("thinking");
    observer.on_step_end({.role = "run", .verdict = "OK"});
    return change_one_file(task.dir);
  };
  start(given);
  const auto answer = post("/v1/agent/runs", {{"task", "change a"}, {"dir", project.path().string()}, {"mode", "agent"}});
  ASSERT_EQ(answer.status, 200) << answer.text;
  std::vector<std::string> names;
  for (size_t at = answer.text.find("event: "); at != std::string::npos; at = answer.text.find("event: ", at + 1))
    names.push_back(answer.text.substr(at + 7, answer.text.find('\n', at) - at - 7));
  EXPECT_EQ(names, (std::vector<std::string>{"run", "step_begin", "plan", "text", "step", "diff", "result"}));
  const auto events = events_of(answer.text);
  EXPECT_EQ(events[2]["detail"], "1. change a");
  EXPECT_EQ(events[5]["diff"], "-old\n+new\n");
  EXPECT_EQ(events[6]["verification"], "ran");
  EXPECT_EQ(read_file(project / "a.txt"), "old\n");
  const auto applied = post("/v1/agent/runs/" + events[0]["id"].get<std::string>() + "/apply", Json::object());
  EXPECT_EQ(applied.body["files"], Json::array({"a.txt"})) << applied.text;
  EXPECT_EQ(read_file(project / "a.txt"), "new\n");
  expect_error(post("/v1/agent/runs/run-none/apply", Json::object()), 404, "run_not_found");
  ::unsetenv("AICODER_HOME");
}

TEST_F(ServerRunsAgents, OnlyInFoldersTheOperatorAllowed) {
  const TempDir allowed, other;
  std::filesystem::create_directory(allowed / "inner");
  std::filesystem::create_directory_symlink(other.path(), allowed / "way_out");
  auto given = options();
  given.dirs = {allowed.path()};
  backend_.agent = [](const TaskRequest& task, const AgentObserver&, const std::stop_token&) { return change_one_file(task.dir); };
  start(given);
  const auto run_in = [&](const std::string& dir) { return post("/v1/agent/runs", {{"task", "x"}, {"dir", dir}}); };
  EXPECT_EQ(run_in((allowed / "inner").string()).status, 200);
  expect_error(run_in(other.path().string()), 403, "dir_not_allowed");
  expect_error(run_in((allowed / "way_out").string()), 403, "dir_not_allowed");
  expect_error(run_in(allowed.path().string() + "/inner/../.."), 403, "dir_not_allowed");
  expect_error(run_in(allowed.path().string() + "-beside"), 403, "dir_not_allowed");
  expect_error(run_in("/no/such/folder"), 403, "dir_not_allowed");
  expect_error(run_in("."), 400, "invalid_value");
  EXPECT_EQ(post("/v1/agent/runs", {{"task", "what is 1 + 1?"}}).status, 200);
  expect_error(post("/v1/agent/runs", {{"task", ""}}), 400, "invalid_value");
}

TEST_F(ServerRunsAgents, UntilTheClientLeaves) {
  std::atomic<bool> stopped{false};
  backend_.agent = [&](const TaskRequest&, const AgentObserver& observer, const std::stop_token& stop) -> AgentResult {
    observer.on_text("begun");
    while (!stop.stop_requested()) std::this_thread::sleep_for(5ms);
    stopped = true;
    throw Error(ErrorCode::kCancelled, "stopped");
  };
  start();
  {
    const Socket reader(server_->port());
    const std::string body = R"({"task": "x"})";
    reader.send("POST /v1/agent/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
    (void)reader.read_until("begun");
  }
  EXPECT_TRUE(soon([&] { return stopped.load(); }));
}

// ---- many --------------------------------------------------------------------------------------------------------------

TEST_F(ServerAnswers, TwoHundredClientsAtOnce) {
  auto given = options();
  given.limits.requests = 400;
  backend_.pause = 1ms;
  start(given);
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 200; ++i) {
      clients.emplace_back([&, i] {
        const auto answer = post("/v1/chat/completions", chat_body(i % 2 == 0));
        if (answer.status == 200 && answer.text.find("!") != std::string::npos) ++good;
      });
    }
  }
  EXPECT_EQ(good, 200);
}

}  // namespace
}  // namespace aicoder::test
