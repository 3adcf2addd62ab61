// rag: index a folder, find pieces of it.
#include <fmt/format.h>

#include "aicoder/rag.h"
#include "aicoder/sandbox/terminal.h"
#include "cli/cmd_rag.h"

namespace aicoder::cli {
namespace {
namespace fs = std::filesystem;

struct Args {
  EngineArgs engine;  ///< of the embedding model
  std::string dir = ".", index, query, mode = "fused";
  bool fresh = false;
  size_t k = 5;
};

/// Where the index of a folder lies unless told: below the data folder, under a name of its own.
fs::path index_of(const Args& args) {
  if (!args.index.empty()) return args.index;
  std::error_code error;
  const fs::path real = fs::canonical(args.dir, error);
  if (error) throw Error(ErrorCode::kNotFound, "[rag] expected a folder, found '" + args.dir + "'", "aicoder rag index DIR");
  return data_dir() / "rag" / (sha256_hex(real.string()).substr(0, 16) + ".sqlite");
}

/// Only what is an SQLite file: the path may be a slip of the user's.
void remove_index(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) return;
  if (fs::file_size(file, error) > 0 && !read_file(file).starts_with("SQLite format 3")) {
    throw Error(ErrorCode::kFailedPrecondition, "[rag] --fresh would remove '" + file.string() + "', which is no index",
                "give another --index");
  }
  fs::remove(file);
}

std::unique_ptr<Embedder> embedder_of(Runtime& runtime, const Args& args) {
  if (args.engine.model.empty()) return nullptr;
  return make_model_embedder(load_model(runtime, args.engine), args.engine.n_threads);
}

int run_index(Runtime& runtime, const Args& args) {
  const fs::path file = index_of(args);
  if (args.fresh) remove_index(file);
  std::error_code ignored;
  fs::create_directories(file.parent_path(), ignored);
  const auto embedder = embedder_of(runtime, args);
  RagIndex index(file, embedder.get());
  RagUpdateOptions options;
  options.progress = runtime.progress();
  options.stop = runtime.interrupt.token();
  const RagUpdate update = index.update(args.dir, options);
  return runtime.finish({{"index", file.string()},
                         {"files", update.files},
                         {"chunks", update.chunks},
                         {"added", update.added},
                         {"changed", update.changed},
                         {"removed", update.removed},
                         {"seconds", update.seconds}},
                        fmt::format("{} files, {} chunks ({} files added, {} changed, {} removed) in {:.1f} s: {}\n", update.files,
                                    update.chunks, update.added, update.changed, update.removed, update.seconds, file.string()));
}

RetrievalMode parse_mode(const std::string& text) {
  if (text == "words") return RetrievalMode::kWords;
  return text == "vectors" ? RetrievalMode::kVectors : RetrievalMode::kFused;
}

int run_search(Runtime& runtime, const Args& args) {
  const fs::path file = index_of(args);
  std::error_code error;
  if (!fs::exists(file, error))
    throw Error(ErrorCode::kNotFound, "[rag] there is no index at '" + file.string() + "'", "aicoder rag index " + args.dir);
  const auto embedder = embedder_of(runtime, args);
  RagIndex index(file, embedder.get());
  Json results = Json::array();
  std::string text;
  for (const RagHit& hit : index.search(args.query, args.k, parse_mode(args.mode), runtime.interrupt.token())) {
    results.push_back({{"path", hit.path}, {"line", hit.line}, {"name", hit.name}, {"score", hit.score}, {"text", hit.text}});
    text +=
        runtime.terminal.paint(Colour::kBold, fmt::format("{}:{}", hit.path, hit.line)) + (hit.name.empty() ? "" : "  " + hit.name) + "\n";
    text += terminal_safe(hit.text) + "\n";
  }
  return runtime.finish({{"index", file.string()}, {"results", results}}, text.empty() ? "nothing found\n" : text);
}

void add_common(CLI::App& command, Args& args) {
  command.add_option("--index", args.index, "The index file; default: one for the folder, below the data folder");
  command.add_option("--embed", args.engine.model, "Model whose embeddings are searched too; the same for index and search");
  command.add_option("-t,--threads", args.engine.n_threads, "Threads of the model; 0: all")->check(CLI::Range(0, 1024));
}

}  // namespace

void add_rag(CLI::App& app, Runtime& runtime) {
  auto* rag = app.add_subcommand("rag", "Index and search a folder");
  rag->require_subcommand(1);
  const auto args = std::make_shared<Args>();
  auto* index = rag->add_subcommand("index", "Make or update the index of a folder; .gitignore is respected");
  add_examples(*index, {"rag index .", "rag index --fresh --embed smollm2-135m project"});
  index->add_option("dir", args->dir, "The folder")->required();
  index->add_flag("--fresh", args->fresh, "Make it anew");
  add_common(*index, *args);
  index->callback([=, &runtime] { runtime.action = [=, &runtime] { return run_index(runtime, *args); }; });

  auto* search = rag->add_subcommand("search", "Find the pieces of an indexed folder that a question is about");
  add_examples(*search, {"rag search \"where is the token checked?\"", "rag search --dir project -k 3 readConfig"});
  search->add_option("query", args->query, "Words, an identifier or a question")->required();
  search->add_option("--dir", args->dir, "The folder that was indexed")->capture_default_str();
  search->add_option("-k", args->k, "So many results")->check(CLI::Range(1, 1000))->capture_default_str();
  search->add_option("--mode", args->mode, "words, vectors or fused")
      ->check(CLI::IsMember({"words", "vectors", "fused"}))
      ->capture_default_str();
  add_common(*search, *args);
  search->callback([=, &runtime] { runtime.action = [=, &runtime] { return run_search(runtime, *args); }; });
}

}  // namespace aicoder::cli
