// GgufFile: the mapping, its lifetime, and typed access to the metadata.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "aicoder/core.h"
#include "aicoder/gguf.h"
#include "gguf/layout.h"
#include "gguf/parse.h"

namespace aicoder {
namespace {

/// A read-only mapping of a whole file; empty files map to nothing.
class Mapping {
 public:
  explicit Mapping(const std::filesystem::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // O_NONBLOCK: a pipe must not hang us
    if (fd < 0) {
      const int reason = errno;
      const bool missing = reason == ENOENT || reason == ENOTDIR;
      throw Error(missing            ? ErrorCode::kNotFound
                  : reason == EACCES ? ErrorCode::kPermissionDenied
                                     : ErrorCode::kUnavailable,
                  fmt::format("[gguf] cannot open {}: {}", path.string(), std::strerror(reason)),
                  missing ? "check the path, or name a model: aicoder models" : "");
    }
    struct stat info{};
    const bool regular = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    if (regular && info.st_size > 0) {
      size_ = static_cast<size_t>(info.st_size);
      address_ = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd, 0);
    }
    const int reason = errno;
    ::close(fd);
    if (!regular) throw Error(ErrorCode::kInvalidArgument, fmt::format("[gguf] {} is not a regular file", path.string()));
    if (address_ == MAP_FAILED) {
      throw Error(ErrorCode::kResourceExhausted, fmt::format("[gguf] cannot map {}: {}", path.string(), std::strerror(reason)));
    }
  }
  ~Mapping() {
    if (address_ != nullptr && address_ != MAP_FAILED) ::munmap(address_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(address_), size_}; }

 private:
  void* address_ = nullptr;
  size_t size_ = 0;
};

template <typename T>
constexpr bool kIsInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

}  // namespace

struct GgufFile::Impl {
  std::filesystem::path path;
  Mapping mapping;
  gguf::Parsed parsed;

  explicit Impl(const std::filesystem::path& file) : path(file), mapping(file), parsed(gguf::parse(mapping.bytes(), file.string())) {}

  /// `convert` maps each stored alternative to optional<T>; nullopt there means "another type".
  template <typename T, typename Convert>
  std::optional<T> get(std::string_view key, std::string_view wanted, Convert convert) const {
    const auto found = parsed.metadata.find(key);
    if (found == parsed.metadata.end()) return std::nullopt;
    std::optional<T> value = std::visit(convert, found->second);
    if (!value) {
      throw Error(ErrorCode::kDataLoss, fmt::format("[gguf] {}: metadata '{}' is not {}", path.string(), gguf::printable(key), wanted));
    }
    return value;
  }
};

GgufFile GgufFile::open(const std::filesystem::path& path) {
  GgufFile file;
  file.impl_ = std::make_shared<const Impl>(path);
  return file;
}

const std::filesystem::path& GgufFile::path() const noexcept { return impl_->path; }
uint64_t GgufFile::file_bytes() const noexcept { return impl_->mapping.bytes().size(); }
const std::vector<GgufTensor>& GgufFile::tensors() const noexcept { return impl_->parsed.tensors; }
const std::map<std::string, GgufValue, std::less<>>& GgufFile::metadata() const noexcept { return impl_->parsed.metadata; }

const GgufTensor* GgufFile::find(std::string_view name) const noexcept {
  const auto found = impl_->parsed.index.find(name);
  return found == impl_->parsed.index.end() ? nullptr : &impl_->parsed.tensors[found->second];
}

std::span<const std::byte> GgufFile::bytes(const GgufTensor& tensor) const noexcept {
  const auto file = impl_->mapping.bytes();
  const uint64_t room = file.size() - std::min<uint64_t>(impl_->parsed.data_start, file.size());
  if (tensor.offset > room || tensor.bytes > room - tensor.offset) return {};  // not a tensor of this file
  return file.subspan(static_cast<size_t>(impl_->parsed.data_start + tensor.offset), static_cast<size_t>(tensor.bytes));
}

std::span<const float> GgufFile::floats(const GgufTensor& tensor) const {
  if (tensor.type != GgufType::kF32) {
    const auto info = gguf_type_info(static_cast<uint32_t>(tensor.type));
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[gguf] tensor '{}' is {}, expected F32", gguf::printable(tensor.name), info ? info->name : "of unknown type"));
  }
  const auto raw = bytes(tensor);  // aligned: offsets are multiples of an alignment of at least 8
  return {reinterpret_cast<const float*>(raw.data()), raw.size() / sizeof(float)};
}

std::optional<std::string> GgufFile::get_string(std::string_view key) const {
  return impl_->get<std::string>(key, "a string", [](const auto& value) -> std::optional<std::string> {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) return value;
    return std::nullopt;
  });
}

std::optional<int64_t> GgufFile::get_int(std::string_view key) const {
  return impl_->get<int64_t>(key, "an integer of at most 63 bits", [](const auto& value) -> std::optional<int64_t> {
    using T = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<T, uint64_t>) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    }
    if constexpr (kIsInteger<T>) return static_cast<int64_t>(value);
    return std::nullopt;
  });
}

std::optional<double> GgufFile::get_float(std::string_view key) const {
  return impl_->get<double>(key, "a number", [](const auto& value) -> std::optional<double> {
    using T = std::decay_t<decltype(value)>;
    if constexpr (std::is_floating_point_v<T> || kIsInteger<T>) return static_cast<double>(value);
    return std::nullopt;
  });
}

std::optional<bool> GgufFile::get_bool(std::string_view key) const {
  return impl_->get<bool>(key, "a bool", [](const auto& value) -> std::optional<bool> {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, bool>) return value;
    return std::nullopt;
  });
}

std::optional<std::vector<std::string>> GgufFile::get_strings(std::string_view key) const {
  using Strings = std::vector<std::string>;
  return impl_->get<Strings>(key, "an array of strings", [](const auto& value) -> std::optional<Strings> {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, GgufArray>) {
      if (const auto* strings = std::get_if<Strings>(&value)) return *strings;
    }
    return std::nullopt;
  });
}

std::optional<std::vector<float>> GgufFile::get_floats(std::string_view key) const {
  using Floats = std::vector<float>;
  return impl_->get<Floats>(key, "an array of floats", [](const auto& value) -> std::optional<Floats> {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, GgufArray>) {
      if (const auto* floats = std::get_if<Floats>(&value)) return *floats;
      if (const auto* doubles = std::get_if<std::vector<double>>(&value)) {
        Floats narrowed;
        narrowed.reserve(doubles->size());
        for (double d : *doubles) narrowed.push_back(static_cast<float>(d));
        return narrowed;
      }
    }
    return std::nullopt;
  });
}

}  // namespace aicoder
