// rag: finds the pieces of a folder that a question is about: by words, by identifiers, by meaning, and by all of them together.
//
//   aicoder::RagIndex index(file, nullptr);                      // without an embedding model: words and identifiers
//   index.update(project);
//   for (const auto& hit : index.search("where is the token checked?", 5)) use(hit.path, hit.line, hit.text);
//
// What is found is data of unknown origin: fence it where it enters a prompt. Does not answer questions.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aicoder/core.h"

namespace aicoder {

class Model;

// ---- chunks ----------------------------------------------------------------------------------------------------------

struct Chunk {
  std::string path;  ///< relative to the indexed folder, with '/'
  size_t line = 0;   ///< first line, from 1
  std::string name;  ///< what it is part of: "Account > withdraw", "Install > Linux"; "" at the top
  std::string text;  ///< whole lines
};

/// Splits a text at its structure: Python by definitions, languages with braces by blocks, all else by headings and paragraphs. Small
/// neighbours are joined and large pieces divided between lines, so that a chunk has about `target_chars` at most (one longer line stays
/// whole). The texts of all chunks, one after the other, are the text.   Thread-safe.   O(size).
std::vector<Chunk> chunk_text(std::string_view path, std::string_view text, size_t target_chars = 1500);

// ---- embeddings ------------------------------------------------------------------------------------------------------

/// Edge that tests may fake. One thread at a time.
class Embedder {
 public:
  virtual ~Embedder() = default;
  /// Names the model and how it is used; vectors of different ids are never compared.
  virtual std::string id() const = 0;
  /// Of length 1, the same number of dimensions each time. \throws Error(kCancelled).
  virtual std::vector<float> embed(std::string_view text, const std::stop_token& stop) = 0;
};
/// Mean of the last layer of any GGUF model that Model loads; texts are cut at `max_tokens`. Models trained to embed (encoders such as
/// MiniLM) need llama.cpp's encoder path, which Context does not have yet: they are refused by Model::load.
std::unique_ptr<Embedder> make_model_embedder(std::shared_ptr<const Model> model, int n_threads = 0, size_t max_tokens = 384);

// ---- index -----------------------------------------------------------------------------------------------------------

enum class RetrievalMode {
  kWords,    ///< FTS5 with bm25: words, parts of identifiers, pairs of Hangul syllables
  kVectors,  ///< exact cosine similarity
  kFused     ///< reciprocal rank fusion (Cormack et al. 2009) of words, identifiers by trigrams, and vectors where there are any
};

struct RagUpdate {
  size_t files = 0, chunks = 0;                ///< in the index afterwards
  size_t added = 0, changed = 0, removed = 0;  ///< files
  double seconds = 0;
};
struct RagUpdateOptions {
  size_t max_file_bytes = size_t{1} << 20;  ///< larger files, and those that are not UTF-8, are left out
  ProgressFn progress;
  std::stop_token stop;
};
struct RagHit {
  std::string path;
  size_t line = 0;
  std::string name, text;
  double score = 0;  ///< larger is better; comparable within one answer only
};

/// One SQLite file (docs/formats/rag.md). Not thread-safe; several processes may read at a time.
class RagIndex {
 public:
  /// Opens or makes the file. \param embedder borrowed, may be null: then without vectors.
  /// \throws Error kFailedPrecondition when the file was made with another embedding model (or with one, and none is given), kDataLoss when
  /// it is no index, kPermissionDenied.
  RagIndex(const std::filesystem::path& file, Embedder* embedder);
  ~RagIndex();
  RagIndex(const RagIndex&) = delete;
  RagIndex& operator=(const RagIndex&) = delete;

  /// Brings the index to the state of the folder: new and changed files are read, vanished ones forgotten, unchanged ones (size and time,
  /// else content) left alone. .gitignore files are respected, hidden folders, binary files and symbolic links left out. Stopped or failed
  /// in the middle, the index is that of whole files. \throws Error kNotFound, kCancelled, kResourceExhausted (disk).
  RagUpdate update(const std::filesystem::path& folder, const RagUpdateOptions& options = {});
  /// Chunks that come from elsewhere (solved tasks, examples), under the path they name; what the path held before is replaced.
  void put(std::string_view path, std::span<const Chunk> chunks, const std::stop_token& stop = {});

  /// Best first; fewer than `k` when no more share anything with the query.
  /// \throws Error kInvalidArgument (k is 0, kVectors without an embedder), kCancelled.
  std::vector<RagHit> search(std::string_view query, size_t k, RetrievalMode mode = RetrievalMode::kFused,
                             const std::stop_token& stop = {});
  size_t n_chunks() const;
  size_t n_files() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace aicoder
