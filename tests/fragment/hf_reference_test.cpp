// What leaves as PEFT acts elsewhere as it does here: a transformer of our own in numpy, in the order of Hugging Face, and stock llama.cpp
// give the logits of our engine; and it comes back as it was.
#include "fragment/hf_reference.h"

#include "fragment/hf_logits.h"
#include "fragment/stock_llama.h"
#include "fragment/tiny_calibration.h"

namespace aicoder::test {

void HfReference::use(const std::filesystem::path& model) {
  model_ = Model::load(model);
  tokens_ = model_->tokenize("def add(a, b):\n    return a + b\n\nprint(add(2, 3))");
  const auto task = capture(model_, code_records(), {.n_threads = 1});
  build_fragment(*model_,
                 {.name = "coder", .recipe = Recipe::kWanda, .rank = 4, .strength = 0.1f, .storage = FragmentStorage::kF32, .task = &task},
                 fragment_);
}

std::filesystem::path HfReference::in_f32() const {
  const GgufFile file = GgufFile::open(source_);
  const std::string blocks = file.get_string("general.architecture").value() + ".block_count";
  const auto n_layer = static_cast<int64_t>(GetParam().n_layer > 0 ? GetParam().n_layer : file.get_int(blocks).value());
  GgufWriter writer;
  for (const auto& [key, value] : file.metadata()) writer.set(key, value);
  writer.set(blocks, static_cast<uint32_t>(n_layer));
  for (const GgufTensor& tensor : file.tensors()) {
    if (tensor.name.starts_with("blk.") && std::stoll(tensor.name.substr(4)) >= n_layer) continue;
    // A table that is only looked up gives the same numbers from its blocks.
    const bool looked_up = tensor.name == "token_embd.weight" && file.find("output.weight") != nullptr;
    if (tensor.type == GgufType::kF32 || looked_up) {
      writer.add_tensor(tensor.name, tensor.type, tensor.ne, file.bytes(tensor));
    } else {
      std::vector<float> values(tensor.values());
      dequantize_rows(file, tensor, 0, tensor.values() / tensor.ne[0], values);
      writer.add_f32(tensor.name, tensor.ne, std::move(values));
    }
  }
  writer.write(dir_ / "f32.gguf");
  return dir_ / "f32.gguf";
}

TEST_P(HfReference, ExportedFolderGivesOurLogitsInTheOrderOfHuggingFace) {
  use(in_f32());
  ASSERT_GE(tokens_.size(), 16u);
  export_peft(*model_, fragment_, dir_ / "peft");
  const auto ours = [&](const std::filesystem::path& fragment, Attention attention) {
    return engine_logits(model_, fragment, tokens_, attention);
  };
  // numpy reads the quantized file, so our dequantization is checked too.
  const auto theirs = [&](const std::filesystem::path& peft, RowsOfB rows = RowsOfB::kAsInPeft) {
    return hf_logits(source_, peft, model_->n_layer(), tokens_, rows);
  };
  const auto base = ours({}, Attention::kF32), with = ours(fragment_, Attention::kF32), numpy = theirs(dir_ / "peft");
  const double moved = largest_difference(base, with), apart_base = largest_difference(base, theirs({})),
               apart = largest_difference(with, numpy), f16 = largest_difference(ours(fragment_, Attention::kDefault), numpy),
               wrong = largest_difference(with, theirs(dir_ / "peft", RowsOfB::kAsStored));
  RecordProperty("moved", std::to_string(moved));
  RecordProperty("apart_base", std::to_string(apart_base));
  RecordProperty("apart", std::to_string(apart));
  RecordProperty("apart_with_f16_attention", std::to_string(f16));
  RecordProperty("wrong_order", std::to_string(wrong));
  EXPECT_GT(moved, 1) << "the fragment should matter, or the test shows nothing";
  EXPECT_LT(apart_base, 1e-3);
  EXPECT_LT(apart, 1e-3);
  EXPECT_LT(f16, 0.2) << "keys, values and sums of attention in F16";
  EXPECT_TRUE(wrong > 0.1 || model_->architecture() != "llama") << "a forgotten order of rows must show, found " << wrong;
}

TEST_P(HfReference, StockLlamaCppGivesOurLogits) {
  use(source_);
  EXPECT_LT(largest_difference(engine_logits(model_, {}, tokens_), stock_logits(source_, {}, 1, tokens_)), 1e-3);
  const auto with = engine_logits(model_, fragment_, tokens_);
  EXPECT_LT(largest_difference(with, stock_logits(source_, fragment_, 0.1f, tokens_)), 1e-3);
}

TEST_P(HfReference, ImportOfTheExportGivesOurLogits) {
  use(source_);
  export_peft(*model_, fragment_, dir_ / "peft");
  import_fragment(*model_, dir_ / "peft", {.name = "back"}, dir_ / "back.gguf");
  const auto before = engine_logits(model_, fragment_, tokens_);
  EXPECT_LT(largest_difference(before, engine_logits(model_, dir_ / "back.gguf", tokens_)), 1e-3);
}

}  // namespace aicoder::test
