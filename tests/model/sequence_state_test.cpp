// Against llama.cpp itself: the state of a sequence whose rest it removed.
#include "model/sequence_state.h"

#include <gtest/gtest.h>
#include <llama.h>

#include <random>

#include "model/smollm.h"

namespace aicoder {
namespace {

using test::small_context;
using test::smollm;

class SequenceState : public ::testing::Test {
 protected:
  static llama_context* native(Context& context) { return static_cast<llama_context*>(context.native_handle()); }
  static std::vector<uint8_t> state(Context& context, llama_seq_id sequence) {
    std::vector<uint8_t> bytes(llama_state_seq_get_size(native(context), sequence));
    EXPECT_EQ(llama_state_seq_get_data(native(context), bytes.data(), bytes.size(), sequence), bytes.size());
    return bytes;
  }
  static std::vector<Token> words(size_t n, uint32_t seed) {
    std::mt19937 random(seed);
    std::vector<Token> tokens(n);
    for (auto& token : tokens) token = static_cast<Token>(1000 + random() % 20000);
    return tokens;
  }
  static void decode(Context& context, llama_seq_id sequence, const std::vector<Token>& tokens, llama_pos from) {
    llama_batch batch = llama_batch_init(static_cast<int32_t>(tokens.size()), 0, 1);
    for (const Token token : tokens) {
      const auto i = batch.n_tokens++;
      batch.token[i] = token, batch.pos[i] = from + i, batch.n_seq_id[i] = 1, batch.seq_id[i][0] = sequence, batch.logits[i] = 0;
    }
    EXPECT_EQ(llama_decode(native(context), batch), 0);
    llama_batch_free(batch);
  }
  /// Cut by us, and cut by llama.cpp, which forgets the rest itself.
  static void expect_cut_as_llama_cpp_cuts(Context& context, llama_seq_id sequence, size_t keep) {
    auto ours = state(context, sequence);
    const size_t size = cut_sequence_state(ours, keep);
    ASSERT_GT(size, 0u);
    ours.resize(size);
    ASSERT_TRUE(llama_memory_seq_rm(llama_get_memory(native(context)), sequence, static_cast<llama_pos>(keep), -1));
    EXPECT_EQ(ours, state(context, sequence)) << "sequence " << sequence << " to " << keep;
  }
};

TEST_F(SequenceState, IsCutToTheBytesThatLlamaCppWouldGive) {
  for (const auto attention : {FlashAttention::kOn, FlashAttention::kOff}) {  // off: values are transposed
    auto options = small_context(3);
    options.flash_attention = attention;
    Context context(smollm(), options);
    for (const llama_seq_id sequence : {0, 1, 2}) decode(context, sequence, words(60, static_cast<uint32_t>(sequence)), 0);
    expect_cut_as_llama_cpp_cuts(context, 1, 59);
    expect_cut_as_llama_cpp_cuts(context, 1, 17);
    expect_cut_as_llama_cpp_cuts(context, 2, 1);
    expect_cut_as_llama_cpp_cuts(context, 0, 60);
  }
}

TEST_F(SequenceState, QuantizedKeysAndValues) {
  auto options = small_context(2);
  options.kv_type = KvType::kQ8_0;
  Context context(smollm(), options);
  decode(context, 1, words(50, 1), 0);
  expect_cut_as_llama_cpp_cuts(context, 1, 33);
}

TEST_F(SequenceState, CellsThatAreNotSideBySide) {
  Context context(smollm(), small_context());
  decode(context, 0, words(64, 1), 0);
  auto* memory = llama_get_memory(native(context));
  llama_memory_seq_rm(memory, 0, 10, 20);
  auto with_hole = state(context, 0);
  EXPECT_EQ(cut_sequence_state(with_hole, 30), 0u) << "positions 10 to 19 are not there";
  llama_memory_seq_add(memory, 0, 20, -1, -10);
  expect_cut_as_llama_cpp_cuts(context, 0, 30);
}

TEST_F(SequenceState, WhatIsNotUnderstoodStaysAsItIs) {
  Context context(smollm(), small_context());
  decode(context, 0, words(20, 1), 0);
  const auto whole = state(context, 0);
  const auto refused = [&](std::vector<uint8_t> bytes, size_t keep) {
    const auto before = bytes;
    EXPECT_EQ(cut_sequence_state(bytes, keep), 0u);
    EXPECT_EQ(bytes, before);
  };
  refused(whole, 0);
  refused(whole, 21);  // it has not so many
  refused({}, 5);
  for (const size_t size : {size_t{3}, size_t{40}, whole.size() / 2, whole.size() - 1}) {
    refused({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)}, 5);
  }
  auto longer = whole;
  longer.push_back(0);
  refused(longer, 5);
  // Any damage of the counts and sizes at its beginning: refused, or of the right size, never a byte outside.
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    auto bytes = whole;
    bytes[random() % 300] = static_cast<uint8_t>(random());
    EXPECT_LE(cut_sequence_state(bytes, 1 + random() % 20), bytes.size());
  }
}

}  // namespace
}  // namespace aicoder
