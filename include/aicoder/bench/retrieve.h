// bench/retrieve: does the index find a function by what its docstring says of it, and how fast?
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "aicoder/core.h"

namespace aicoder {

class Embedder;

/// A function without its docstring, and the docstring's first paragraph as the question.
struct DocstringPair {
  std::string question, code;
};
/// Of Python text: every function with a docstring of 15 characters or more and at least two other lines. The docstring is cut out of the
/// code.
std::vector<DocstringPair> mine_docstrings(std::string_view python);

struct RetrieveBenchOptions {
  std::vector<std::filesystem::path> sources;  ///< folders (their .py files) and text files (.py, .txt, .gz)
  Embedder* embedder = nullptr;                ///< borrowed; null: words only
  size_t max_pairs = 1000;                     ///< evenly spread over all that were found
  std::vector<size_t> sizes = {1000, 10'000, 100'000};
  size_t speed_queries = 50;
  std::filesystem::path scratch;  ///< folder for the indexes, which are removed at the end
  ProgressFn progress;
  std::stop_token stop;
};

struct RetrieveQuality {
  std::string mode;                                           ///< words, vectors, fused
  double recall_at_1 = 0, recall_at_5 = 0, recall_at_10 = 0;  ///< fractions
  double mrr = 0;                                             ///< mean of 1/rank, 0 beyond rank 100
};
struct RetrieveSpeed {
  size_t chunks = 0;
  double words_queries_per_s = 0;
  /// With vectors of 384 dimensions made from hashed words: the search alone, without the time of an embedding model.
  double fused_queries_per_s = 0;
};
struct RetrieveBench {
  size_t pairs = 0;
  std::string embedder;  ///< id; "" without
  std::vector<RetrieveQuality> quality;
  std::vector<RetrieveSpeed> speed;
};

/// \throws Error kInvalidArgument (no pairs in the sources), kNotFound, kCancelled.
RetrieveBench run_retrieve_bench(const RetrieveBenchOptions& options);

}  // namespace aicoder
