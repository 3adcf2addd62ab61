// One file over HTTP(S), resumable. The only file that knows libcurl is http.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "aicoder/core.h"

namespace aicoder::store {

struct HttpDownload {
  std::string url;
  std::filesystem::path target;  ///< grows in place; beside it NAME.state remembers the URL and the validator (ETag or date)
  bool hash_known = false;       ///< then a rest may be fetched without a validator: a mixed file would fail its hash
  uint64_t limit_bytes = 0;      ///< more than this is refused; 0: no limit
  uint64_t expected_bytes = 0;   ///< for progress where the server does not say; 0: unknown
  std::string stage;             ///< for Progress
  ProgressFn progress;
  std::stop_token stop;
  int retries = 3;                       ///< tries in a row without a new byte before giving up
  std::chrono::milliseconds pause{200};  ///< before the first retry, doubled each time
};

/// Leaves the complete file at `target`. What an earlier try left there is continued when the server says it is the same content.
/// \throws Error kUnavailable (unreachable, 404, gave up; the message is the reason, the caller names the URL), kResourceExhausted (disk),
/// kDataLoss (more bytes than the limit), kCancelled. All but kDataLoss keep what was fetched.
void http_download(const HttpDownload& download);

}  // namespace aicoder::store
