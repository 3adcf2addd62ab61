// Any bytes at all: the wheel reader gives pieces of the promised size or throws Error(kDataLoss).
#include <cstdlib>
#include <span>

#include "aicoder/core.h"
#include "store/wheel.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const aicoder::store::Wheel wheel(std::as_bytes(std::span(data, size)), "fuzz.whl");
    for (const auto& member : wheel.members()) {
      if (member.bytes > 1 << 20) continue;  // inflating gigabytes of zeros finds nothing
      uint64_t seen = 0;
      wheel.extract(member, [&seen](std::string_view bytes) { seen += bytes.size(); });
      if (seen != member.bytes) std::abort();
    }
  } catch (const aicoder::Error& error) {
    if (error.code() != aicoder::ErrorCode::kDataLoss) std::abort();
  }
  return 0;
}
