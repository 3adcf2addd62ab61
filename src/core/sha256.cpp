#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "aicoder/core.h"

namespace aicoder {

struct Sha256::State {
  struct Free {
    void operator()(EVP_MD_CTX* handle) const { EVP_MD_CTX_free(handle); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1) {
    throw Error(ErrorCode::kInternal, "[sha256] OpenSSL refused SHA-256");
  }
}
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  if (EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) != 1) throw Error(ErrorCode::kInternal, "[sha256] update failed");
}

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(state_->context.get(), digest, &size) != 1) throw Error(ErrorCode::kInternal, "[sha256] final failed");
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

std::string sha256_file(const std::filesystem::path& path, const ProgressFn& progress, const std::stop_token& stop) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) throw Error(ErrorCode::kNotFound, fmt::format("[sha256] {}: {}", path.string(), std::strerror(errno)));
  std::error_code ignored;
  const auto total = static_cast<double>(std::filesystem::file_size(path, ignored));
  const std::string stage = "verify " + path.filename().string();
  Sha256 hash;
  std::vector<char> buffer(size_t{1} << 20);
  double done = 0;
  while (const size_t n = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    throw_if_stopped(stop);
    hash.update({buffer.data(), n});
    done += static_cast<double>(n);
    if (progress) progress({stage, done, total, "B"});
  }
  if (std::ferror(file.get()) != 0) throw Error(ErrorCode::kDataLoss, fmt::format("[sha256] {} cannot be read", path.string()));
  return hash.hex();
}

}  // namespace aicoder
