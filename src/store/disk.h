// Free space, asked for before anything is fetched.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace aicoder::store {

/// "1.1 GB"
std::string bytes_text(uint64_t bytes);

/// Size of all files below a folder; 0 when it does not exist. Files that vanish meanwhile count as nothing.
uint64_t folder_bytes(const std::filesystem::path& folder);

/// \throws Error(kResourceExhausted) naming what is needed and what is free on the disk that holds `folder`.
void require_free_space(const std::filesystem::path& folder, uint64_t bytes, std::string_view what);

[[noreturn]] void throw_as_ours(const char* place, const std::filesystem::filesystem_error& error);

/// Runs fn, turning std::filesystem errors into ours with `place` in front.
/// \throws Error(kResourceExhausted, kPermissionDenied, kUnavailable), and what else fn throws.
template <typename Fn>
auto with_our_errors(const char* place, Fn fn) {
  try {
    return fn();
  } catch (const std::filesystem::filesystem_error& error) {
    throw_as_ours(place, error);
  }
}

}  // namespace aicoder::store
