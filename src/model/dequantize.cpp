// Blocks of a GGUF tensor as floats, through ggml's reference dequantizers.
#include <ggml.h>

#include <cstring>

#include "aicoder/model.h"
#include "model/llama_handles.h"

namespace aicoder {

void dequantize_rows(const GgufFile& file, const GgufTensor& tensor, size_t first_row, size_t n_rows, std::span<float> out) {
  const auto refuse = [&](ErrorCode code, const std::string& what) { throw Error(code, "[dequantize] " + tensor.name + ": " + what); };
  if (tensor.ne.empty() || tensor.ne[0] == 0) refuse(ErrorCode::kInvalidArgument, "the tensor is empty");
  const size_t cols = tensor.ne[0];
  const size_t rows = tensor.values() / cols;
  if (first_row > rows || n_rows > rows - first_row) {
    refuse(ErrorCode::kInvalidArgument,
           "rows " + std::to_string(first_row) + " + " + std::to_string(n_rows) + " of " + std::to_string(rows));
  }
  if (out.size() != n_rows * cols) {
    refuse(ErrorCode::kInvalidArgument, "room for " + std::to_string(out.size()) + " values, expected " + std::to_string(n_rows * cols));
  }
  const auto info = gguf_type_info(static_cast<uint32_t>(tensor.type));
  if (!info || cols % info->block_values != 0) refuse(ErrorCode::kInvalidArgument, "a row is no whole number of blocks");
  const size_t row_bytes = cols / info->block_values * info->block_bytes;
  const auto bytes = file.bytes(tensor);
  if (bytes.size() < rows * row_bytes) refuse(ErrorCode::kInvalidArgument, "the file has too few bytes for it");
  const std::byte* source = bytes.data() + first_row * row_bytes;
  if (tensor.type == GgufType::kF32) {
    std::memcpy(out.data(), source, n_rows * row_bytes);
    return;
  }
  init_llama_backend();  // fills ggml's table of half floats
  const ggml_type_traits* traits = ggml_get_type_traits(static_cast<ggml_type>(tensor.type));
  if (traits == nullptr || traits->to_float == nullptr) {
    refuse(ErrorCode::kUnimplemented, "type " + std::string(info->name) + " has no dequantizer");
  }
  if (static_cast<size_t>(traits->blck_size) != info->block_values || traits->type_size != info->block_bytes) {
    refuse(ErrorCode::kUnimplemented, "type " + std::string(info->name) + " has another block layout in this ggml");
  }
  for (size_t row = 0; row < n_rows; ++row) {
    traits->to_float(source + row * row_bytes, out.data() + row * cols, static_cast<int64_t>(cols));
  }
}

}  // namespace aicoder
