#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <cmath>

#include <cstdio>
#include <cstdlib>

namespace aicoder::cli {
namespace {

size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string bar(double share, size_t width) {
  static const char* const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto units = static_cast<size_t>(share * static_cast<double>(width) * 8.0);
  std::string out;
  for (size_t i = 0; i < units / 8; ++i) out += "█";
  out += eighths[units % 8];
  const size_t used = units / 8 + (units % 8 != 0 ? 1 : 0);
  for (size_t i = used; i < width; ++i) out += "·";
  return out;
}

void write_all(FILE* stream, std::string_view text) {
  // A reader that went away (| head) is the reader's choice; there is nobody left to tell.
  (void)!std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

}  // namespace

std::string human_bytes(double bytes) {
  if (bytes < 1e3) return fmt::format("{:.0f} B", bytes);
  if (bytes < 1e6) return fmt::format("{:.0f} kB", bytes / 1e3);
  if (bytes < 1e9) return fmt::format("{:.0f} MB", bytes / 1e6);
  return fmt::format("{:.2f} GB", bytes / 1e9);
}

std::string human_seconds(double seconds) {
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  const auto s = std::lround(seconds);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
}

Terminal::Terminal(ColourMode mode, bool quiet)
    : quiet_(quiet),
      stdin_tty_(::isatty(STDIN_FILENO) == 1),
      stdout_tty_(::isatty(STDOUT_FILENO) == 1),
      stderr_tty_(::isatty(STDERR_FILENO) == 1) {
  const char* no_color = std::getenv("NO_COLOR");  // no-color.org: set and not empty
  const char* term = std::getenv("TERM");
  const bool plain = (no_color != nullptr && *no_color != '\0') || (term != nullptr && std::string_view(term) == "dumb");
  colours_ = mode == ColourMode::kAlways || (mode == ColourMode::kAuto && stderr_tty_ && !plain);
}

std::string Terminal::paint(Colour colour, std::string_view text) const {
  if (!colours_ || colour == Colour::kNone) return std::string(text);
  const char* code = "0";
  switch (colour) {
    case Colour::kNone:
      break;
    case Colour::kDim:
      code = "2";
      break;
    case Colour::kBold:
      code = "1";
      break;
    case Colour::kRed:
      code = "31";
      break;
    case Colour::kGreen:
      code = "32";
      break;
    case Colour::kYellow:
      code = "33";
      break;
    case Colour::kBlue:
      code = "34";
      break;
    case Colour::kCyan:
      code = "36";
      break;
  }
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

std::string Terminal::paint_diff(std::string_view diff) const {
  std::string out;
  while (!diff.empty()) {
    const size_t end = diff.find('\n');
    const auto row = diff.substr(0, end);
    auto colour = Colour::kNone;
    if (row.starts_with("+++") || row.starts_with("---") || row.starts_with("diff ")) {
      colour = Colour::kBold;
    } else if (row.starts_with('+')) {
      colour = Colour::kGreen;
    } else if (row.starts_with('-')) {
      colour = Colour::kRed;
    } else if (row.starts_with("@@")) {
      colour = Colour::kCyan;
    }
    out += paint(colour, row) + "\n";
    diff.remove_prefix(end == std::string_view::npos ? diff.size() : end + 1);
  }
  return out;
}

void Terminal::clear_progress_locked() {
  if (drawn_) write_all(stderr, "\r\033[K");
  drawn_ = false;
}

void Terminal::clear_progress() {
  const std::lock_guard lock(mutex_);
  clear_progress_locked();
}

void Terminal::line(std::string_view text) {
  if (!quiet_) warn(text);
}

void Terminal::warn(std::string_view text) {
  const std::lock_guard lock(mutex_);
  clear_progress_locked();
  write_all(stderr, std::string(text) + "\n");
}

void Terminal::out(std::string_view text) {
  const std::lock_guard lock(mutex_);
  clear_progress_locked();
  write_all(stdout, text);
}

void Terminal::progress(const Progress& p) {
  if (quiet_) return;
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  const bool new_stage = p.stage != stage_;
  if (new_stage) {
    stage_ = p.stage;
    stage_start_ = now;
    stage_first_done_ = p.done;
    told_ = false;
  }
  const bool finished = p.total > 0 && p.done >= p.total;
  const auto since_draw = now - last_draw_;
  // Stages under two seconds are not worth a bar; a file or pipe gets a line now and then instead of a redrawn one.
  if (stderr_tty_) {
    if (now - stage_start_ < std::chrono::milliseconds(300) && !drawn_) return;
    if (!finished && !new_stage && since_draw < std::chrono::milliseconds(100)) return;
  } else {
    if (now - stage_start_ < std::chrono::seconds(2) || (told_ && since_draw < std::chrono::seconds(30))) return;
    told_ = true;
  }
  last_draw_ = now;
  const double elapsed = std::chrono::duration<double>(now - stage_start_).count();
  const double moved = p.done - stage_first_done_;
  std::string amount;
  if (p.unit == "B") {
    amount = p.total > 0 ? fmt::format("{} of {}", human_bytes(p.done), human_bytes(p.total)) : human_bytes(p.done);
    if (elapsed > 0.5 && moved > 0) amount += fmt::format(", {}/s", human_bytes(moved / elapsed));
  } else {
    amount = p.total > 0 ? fmt::format("{:.0f} of {:.0f} {}", p.done, p.total, p.unit) : fmt::format("{:.0f} {}", p.done, p.unit);
  }
  std::string eta;
  if (p.total > p.done && moved > 0 && elapsed > 1) eta = ", " + human_seconds((p.total - p.done) * elapsed / moved) + " left";
  if (!stderr_tty_) {
    write_all(stderr, fmt::format("{}: {}{}\n", p.stage, amount, eta));
    return;
  }
  if (finished) {
    clear_progress_locked();
    return;
  }
  std::string text = std::string(p.stage);
  const std::string tail = fmt::format(" {}{}", amount, eta);
  const size_t columns = terminal_columns();
  if (p.total > 0 && columns > text.size() + tail.size() + 16) {
    const size_t width = std::min<size_t>(30, columns - text.size() - tail.size() - 4);
    text += " " + paint(Colour::kCyan, bar(std::min(1.0, p.done / p.total), width));
  }
  write_all(stderr, "\r\033[K" + text + tail);
  drawn_ = true;
}

}  // namespace aicoder::cli
