#include "aicoder/model.h"
#include "aicoder/rag.h"

namespace aicoder {
namespace {

class ModelEmbedder : public Embedder {
 public:
  ModelEmbedder(std::shared_ptr<const Model> model, int n_threads, size_t max_tokens)
      : model_(std::move(model)), max_tokens_(max_tokens), context_(model_, options_of(n_threads, max_tokens)) {}

  std::string id() const override { return "mean:" + std::to_string(max_tokens_) + ":" + model_->fingerprint(); }

  std::vector<float> embed(std::string_view text, const std::stop_token& stop) override {
    std::vector<Token> tokens = model_->tokenize(text);
    // A text of nothing still needs a vector: that of a line end.
    if (tokens.empty()) tokens = model_->tokenize("\n");
    if (tokens.size() > max_tokens_) tokens.resize(max_tokens_);
    return context_.embed(tokens, stop);
  }

 private:
  static ContextOptions options_of(int n_threads, size_t max_tokens) {
    ContextOptions options;
    options.embeddings = true;
    options.n_ctx_seq = max_tokens;
    options.n_threads = n_threads;
    return options;
  }

  std::shared_ptr<const Model> model_;
  size_t max_tokens_;
  Context context_;
};

}  // namespace

std::unique_ptr<Embedder> make_model_embedder(std::shared_ptr<const Model> model, int n_threads, size_t max_tokens) {
  if (max_tokens == 0) throw Error(ErrorCode::kInvalidArgument, "[rag] an embedding needs at least 1 token of a text");
  return std::make_unique<ModelEmbedder>(std::move(model), n_threads, max_tokens);
}

}  // namespace aicoder
