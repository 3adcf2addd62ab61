#pragma once

#include <span>
#include <string_view>

namespace aicoder::server {

/// One file of the web page, part of the program: it works without a network and needs nothing installed beside it.
struct WebFile {
  std::string_view path;  ///< of the request, "/ui/app.js"
  std::string_view content_type;
  std::string_view content;
};
std::span<const WebFile> web_files();
/// Holds no secret and is the same for everybody: served without a token.
bool is_web_page(std::string_view path);
/// Nothing from elsewhere, nothing inline, in nobody's frame.
inline constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

}  // namespace aicoder::server
