// sandbox/terminal: what untrusted code printed, made fit to be shown on a terminal.
//
//   std::cout << aicoder::terminal_safe(result.out);
//
// A terminal obeys what is written to it: escape sequences set the clipboard, move the cursor, hide text, make it type.
#pragma once

#include <string>
#include <string_view>

namespace aicoder {

/// Valid UTF-8 in which nothing is left that a terminal obeys: C0 controls but tab and line feed, DEL, C1 controls, and the marks that turn
/// the direction of text around become visible ("\e" as ␛, "\r" before a line feed is dropped, others as a picture or U+FFFD). Thread-safe;
/// O(size).
std::string terminal_safe(std::string_view text);

}  // namespace aicoder
