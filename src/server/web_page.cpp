#include "server/web_page.h"

#include <algorithm>

namespace aicoder::server {

bool is_web_page(std::string_view path) {
  const auto files = web_files();
  return std::any_of(files.begin(), files.end(), [&](const WebFile& file) { return file.path == path; });
}

}  // namespace aicoder::server
