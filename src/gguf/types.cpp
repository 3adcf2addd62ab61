// The tensor types of the GGUF format: how many values a block holds and how many bytes it takes.
#include <array>

#include "aicoder/gguf.h"

namespace aicoder {
namespace {

struct Row {
  GgufType type;
  GgufTypeInfo info;
};

// Sizes are those of ggml's block structs (ggml-common.h, static_asserts there); types_test.cpp compares every row with ggml itself.
constexpr std::array kRows{
    Row{GgufType::kF32, {"F32", 1, 4}},
    Row{GgufType::kF16, {"F16", 1, 2}},
    Row{GgufType::kQ4_0, {"Q4_0", 32, 18}},
    Row{GgufType::kQ4_1, {"Q4_1", 32, 20}},
    Row{GgufType::kQ5_0, {"Q5_0", 32, 22}},
    Row{GgufType::kQ5_1, {"Q5_1", 32, 24}},
    Row{GgufType::kQ8_0, {"Q8_0", 32, 34}},
    Row{GgufType::kQ8_1, {"Q8_1", 32, 36}},
    Row{GgufType::kQ2_K, {"Q2_K", 256, 84}},
    Row{GgufType::kQ3_K, {"Q3_K", 256, 110}},
    Row{GgufType::kQ4_K, {"Q4_K", 256, 144}},
    Row{GgufType::kQ5_K, {"Q5_K", 256, 176}},
    Row{GgufType::kQ6_K, {"Q6_K", 256, 210}},
    Row{GgufType::kQ8_K, {"Q8_K", 256, 292}},
    Row{GgufType::kIQ2_XXS, {"IQ2_XXS", 256, 66}},
    Row{GgufType::kIQ2_XS, {"IQ2_XS", 256, 74}},
    Row{GgufType::kIQ3_XXS, {"IQ3_XXS", 256, 98}},
    Row{GgufType::kIQ1_S, {"IQ1_S", 256, 50}},
    Row{GgufType::kIQ4_NL, {"IQ4_NL", 32, 18}},
    Row{GgufType::kIQ3_S, {"IQ3_S", 256, 110}},
    Row{GgufType::kIQ2_S, {"IQ2_S", 256, 82}},
    Row{GgufType::kIQ4_XS, {"IQ4_XS", 256, 136}},
    Row{GgufType::kI8, {"I8", 1, 1}},
    Row{GgufType::kI16, {"I16", 1, 2}},
    Row{GgufType::kI32, {"I32", 1, 4}},
    Row{GgufType::kI64, {"I64", 1, 8}},
    Row{GgufType::kF64, {"F64", 1, 8}},
    Row{GgufType::kIQ1_M, {"IQ1_M", 256, 56}},
    Row{GgufType::kBF16, {"BF16", 1, 2}},
    Row{GgufType::kTQ1_0, {"TQ1_0", 256, 54}},
    Row{GgufType::kTQ2_0, {"TQ2_0", 256, 66}},
    Row{GgufType::kMXFP4, {"MXFP4", 32, 17}},
    Row{GgufType::kNVFP4, {"NVFP4", 64, 36}},
    Row{GgufType::kQ1_0, {"Q1_0", 128, 18}},
    Row{GgufType::kQ2_0, {"Q2_0", 64, 18}},
};

}  // namespace

std::optional<GgufTypeInfo> gguf_type_info(uint32_t type) noexcept {
  for (const Row& row : kRows) {
    if (static_cast<uint32_t>(row.type) == type) return row.info;
  }
  return std::nullopt;
}

uint64_t GgufTensor::values() const noexcept {
  uint64_t product = 1;
  for (uint64_t n : ne) product *= n;
  return product;
}

}  // namespace aicoder
