// What a person sees: colours and progress bars on a terminal, plain lines elsewhere. Everything goes to stderr but the answer itself.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include "aicoder/core.h"

namespace aicoder::cli {

enum class Colour { kNone, kDim, kBold, kRed, kGreen, kYellow, kBlue, kCyan };

class Terminal {
 public:
  enum class ColourMode { kAuto, kAlways, kNever };
  /// kAuto: colours when stderr is a terminal, $NO_COLOR is unset and $TERM is not "dumb".
  Terminal(ColourMode mode, bool quiet);

  bool interactive() const noexcept { return stdin_tty_ && stderr_tty_; }
  bool stdout_is_terminal() const noexcept { return stdout_tty_; }
  bool stderr_is_terminal() const noexcept { return stderr_tty_; }
  bool quiet() const noexcept { return quiet_; }
  std::string paint(Colour colour, std::string_view text) const;
  /// A unified diff with added and removed lines coloured.
  std::string paint_diff(std::string_view diff) const;

  void line(std::string_view text);  ///< to stderr, unless quiet; clears a progress bar first
  void warn(std::string_view text);  ///< to stderr, also when quiet
  void out(std::string_view text);   ///< to stdout, as it is

  /// Redrawn at most 10 times a second on a terminal; elsewhere one line per stage and one per 30 s.
  void progress(const Progress& p);
  void clear_progress();
  ProgressFn progress_fn() {
    return [this](const Progress& p) { progress(p); };
  }

 private:
  using Clock = std::chrono::steady_clock;
  void clear_progress_locked();
  bool quiet_, stdin_tty_, stdout_tty_, stderr_tty_, colours_, out_at_line_start_ = true;
  std::mutex mutex_;
  std::string stage_;
  Clock::time_point stage_start_{}, last_draw_{};
  double stage_first_done_ = 0;
  bool drawn_ = false;
  bool told_ = false;  ///< this stage has had its first line in a file or pipe
};

/// "1.2 GB", "310 kB".
std::string human_bytes(double bytes);
/// "45 s", "3 min 20 s", "1 h 05 min".
std::string human_seconds(double seconds);

}  // namespace aicoder::cli
