// The beginning of a sequence out of the whole that llama.cpp gives. Private to src/model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace aicoder {

/// Cuts the state of one sequence to its cells before position `keep`, in place. llama.cpp gives and takes whole sequences only; a state
/// that is cut first is not written to where the rest of it would be removed again.
///
/// Reads what llama_state_seq_get_data of the pinned llama.cpp writes for an attention cache: u32 magic, i32 sequence, u32 streams, for
/// each u32 cells, and where there are any: for each cell i32 position, u32 1, i32 sequence; u32 transposed, u32 layers; the keys of each
/// layer as i32 type, u64 bytes a cell, cells; the values likewise, or transposed as i32 type, u32 bytes a value, u32 values, and for each
/// of these one for each cell.
/// \return the new size. 0: another layout (positions in several dimensions, layers without values, a later llama.cpp), and nothing is
/// changed.
size_t cut_sequence_state(std::span<uint8_t> state, size_t keep);

}  // namespace aicoder
