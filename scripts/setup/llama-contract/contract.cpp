// The newest and the most often renamed calls that aicoder makes of llama.cpp, with the types it makes them with.
// Compiled against an installed llama.cpp to tell whether it will do; never run.
#include <ggml-backend.h>
#include <ggml.h>
#include <llama.h>

static bool on_tensor(struct ggml_tensor* tensor, bool ask, void*) { return ask || tensor != nullptr; }

int main() {
  llama_model* model = llama_model_load_from_file("", llama_model_default_params());
  llama_context_params params = llama_context_default_params();
  params.cb_eval = on_tensor;
  params.n_seq_max = 1;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  llama_context* context = llama_init_from_model(model, params);
  llama_adapter_lora* adapters[1] = {llama_adapter_lora_init(model, "")};
  float scales[1] = {1.0F};
  int32_t status = llama_set_adapters_lora(context, adapters, 1, scales);
  status += llama_set_adapter_cvec(context, nullptr, 0, 0, 0, 0);
  llama_memory_t memory = llama_get_memory(context);
  llama_memory_seq_cp(memory, 0, 1, -1, -1);
  status += llama_chat_apply_template("", nullptr, 0, true, nullptr, 0);
  status += llama_vocab_n_tokens(llama_model_get_vocab(model));
  llama_sampler_free(llama_sampler_init_grammar(llama_model_get_vocab(model), "", "root"));
  return status;
}
