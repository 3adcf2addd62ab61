// One request and its answer as the routes see them; only server.cpp knows the HTTP library.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/access_log.h"
#include "server/json_body.h"

namespace aicoder::server {

struct Exchange {
  // The request.
  std::string_view body;
  std::string path_param;             ///< what stands for {name} in the route
  std::function<bool()> client_gone;  ///< true: nobody waits for the answer
  std::shared_ptr<RequestRecord> record;

  // The answer.
  int status = 200;
  std::string content_type = "application/json";
  std::string answer;
  /// In place of `answer`: server-sent events. Called once, on the thread of the connection. `write` returns false where the client is
  /// gone or too slow; `gone` asks without writing.
  using Write = std::function<bool(std::string_view)>;
  std::function<void(const Write& write, const std::function<bool()>& gone)> stream;

  void reply(const Json& json, int with_status = 200) {
    answer = dump(json);
    status = with_status;
  }
};

/// "data: {...}\n\n", or with a name "event: NAME\ndata: ...".
inline std::string event_text(const Json& data, std::string_view name = {}) {
  return (name.empty() ? std::string() : "event: " + std::string(name) + "\n") + "data: " + dump(data) + "\n\n";
}

}  // namespace aicoder::server
