#include "train/architecture.h"

#include <cmath>
#include <map>
#include <vector>

#include "aicoder/core.h"

namespace aicoder::train {
namespace {

class Reader {
 public:
  explicit Reader(const GgufFile& file) : file_(file) {
    a_.family = file.get_string("general.architecture").value_or("");
    if (a_.family != "llama" && a_.family != "qwen2" && a_.family != "qwen3") {
      unknown("architecture '" + a_.family + "': the training graph is written for llama, qwen2 and qwen3");
    }
  }

  Architecture read() {
    a_.n_embd = required("embedding_length");
    a_.n_layer = required("block_count");
    a_.n_ff = required("feed_forward_length");
    a_.n_head = required("attention.head_count");
    a_.n_head_kv = number("attention.head_count_kv").value_or(a_.n_head);
    a_.n_ctx_train = static_cast<size_t>(required("context_length"));
    if (a_.n_head_kv <= 0 || a_.n_head % a_.n_head_kv != 0) broken("attention.head_count is no multiple of attention.head_count_kv");
    a_.head_dim = number("attention.key_length").value_or(a_.n_embd / a_.n_head);
    const int64_t n_rot = number("rope.dimension_count").value_or(a_.head_dim);
    if (a_.head_dim <= 0 || a_.head_dim % 2 != 0)
      broken("the heads have " + std::to_string(a_.head_dim) + " values, expected an even number");
    if (n_rot != a_.head_dim || number("attention.value_length").value_or(a_.head_dim) != a_.head_dim) {
      unknown("heads whose keys, values and rotated part differ in size");
    }
    const auto eps = real("attention.layer_norm_rms_epsilon");
    if (!eps || !(*eps > 0)) broken("attention.layer_norm_rms_epsilon is missing");
    a_.rms_eps = static_cast<float>(*eps);
    read_rope();
    if (number("expert_count").value_or(0) > 0) unknown("a mixture of experts");
    if (real("attention.scale").value_or(0) != 0) unknown("attention.scale");
    a_.qk_norm = a_.family == "qwen3";
    a_.rope_halves = a_.family != "llama";
    read_tensors();
    return a_;
  }

 private:
  [[noreturn]] void unknown(const std::string& what) const {
    throw Error(ErrorCode::kUnimplemented, "[train] " + file_.path().filename().string() + ": " + what,
                "choose a base of the llama, qwen2 or qwen3 family (aicoder models)");
  }
  [[noreturn]] void broken(const std::string& what) const {
    throw Error(ErrorCode::kDataLoss, "[train] " + file_.path().filename().string() + ": " + what, "get the file again");
  }
  std::optional<int64_t> number(const std::string& key) const { return file_.get_int(a_.family + "." + key); }
  std::optional<double> real(const std::string& key) const { return file_.get_float(a_.family + "." + key); }
  int64_t required(const std::string& key) const {
    const auto value = number(key);
    if (!value || *value <= 0 || *value > (int64_t{1} << 31)) broken(a_.family + "." + key + " is missing or out of range");
    return *value;
  }

  void read_rope() {
    a_.rope_base = static_cast<float>(real("rope.freq_base").value_or(10000.0));
    const std::string scaling = file_.get_string(a_.family + ".rope.scaling.type").value_or("linear");
    double factor = real("rope.scaling.factor").value_or(0);
    if (factor == 0) factor = real("rope.scale_linear").value_or(0);
    if (scaling != "linear" && scaling != "none") unknown("rope scaling '" + scaling + "'");
    if (scaling == "linear" && factor > 0) a_.rope_scale = static_cast<float>(1.0 / factor);
    if (!(a_.rope_base > 0) || !std::isfinite(a_.rope_base) || !std::isfinite(a_.rope_scale)) broken("the rope settings are not finite");
  }

  using Shape = std::vector<uint64_t>;
  void expect(const std::string& name, int64_t n_in, int64_t n_out, bool optional = false) {
    Shape shape{static_cast<uint64_t>(n_in)};
    if (n_out > 0) shape.push_back(static_cast<uint64_t>(n_out));
    known_[name] = {std::move(shape), optional};
  }

  void read_tensors() {
    const GgufTensor* embedding = file_.find("token_embd.weight");
    if (embedding == nullptr || embedding->ne.size() != 2) broken("expected token_embd.weight, a matrix");
    a_.n_vocab = static_cast<int64_t>(embedding->ne[1]);
    a_.tied_embeddings = file_.find("output.weight") == nullptr;
    a_.rope_factors = file_.find("rope_freqs.weight") != nullptr;
    expect("token_embd.weight", a_.n_embd, a_.n_vocab);
    expect("output.weight", a_.n_embd, a_.n_vocab, true);
    expect("output_norm.weight", a_.n_embd, 0);
    if (a_.family == "llama") expect("rope_freqs.weight", a_.head_dim / 2, 0, true);
    for (int64_t layer = 0; layer < a_.n_layer; ++layer) expect_layer("blk." + std::to_string(layer) + ".");
    for (const auto& [name, wanted] : known_) {
      const GgufTensor* tensor = file_.find(name);
      if (tensor == nullptr && !wanted.optional) broken("the tensor " + name + " is missing");
      if (tensor != nullptr && trimmed(tensor->ne) != wanted.shape)
        broken("the tensor " + name + " has another shape than the metadata says");
      if (tensor != nullptr && wanted.shape.size() == 1 && tensor->type != GgufType::kF32) unknown(name + " is not F32");
    }
    for (const GgufTensor& tensor : file_.tensors()) {
      if (!known_.contains(tensor.name)) unknown("the tensor " + tensor.name + ", which the training graph does not use");
    }
  }

  void expect_layer(const std::string& block) {
    expect(block + "attn_norm.weight", a_.n_embd, 0);
    expect(block + "ffn_norm.weight", a_.n_embd, 0);
    if (a_.qk_norm) {
      expect(block + "attn_q_norm.weight", a_.head_dim, 0);
      expect(block + "attn_k_norm.weight", a_.head_dim, 0);
    }
    const auto linear = [&](const std::string& name, int64_t n_in, int64_t n_out) {
      expect(block + name + ".weight", n_in, n_out);
      expect(block + name + ".bias", n_out, 0, true);
    };
    linear("attn_q", a_.n_embd, a_.n_q());
    linear("attn_k", a_.n_embd, a_.n_kv());
    linear("attn_v", a_.n_embd, a_.n_kv());
    linear("attn_output", a_.n_q(), a_.n_embd);
    linear("ffn_gate", a_.n_embd, a_.n_ff);
    linear("ffn_up", a_.n_embd, a_.n_ff);
    linear("ffn_down", a_.n_ff, a_.n_embd);
  }

  static Shape trimmed(Shape shape) {
    while (shape.size() > 1 && shape.back() == 1) shape.pop_back();
    return shape;
  }

  struct Wanted {
    Shape shape;
    bool optional;
  };
  const GgufFile& file_;
  Architecture a_;
  std::map<std::string, Wanted> known_;
};

}  // namespace

Architecture read_architecture(const GgufFile& file) { return Reader(file).read(); }

}  // namespace aicoder::train
