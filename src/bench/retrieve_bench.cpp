#include "aicoder/bench/retrieve.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "aicoder/rag.h"

namespace aicoder {
namespace {
namespace fs = std::filesystem;

std::string_view stripped(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

size_t indent_of(std::string_view line) { return std::min(line.find_first_not_of(' '), line.size()); }

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

std::string first_paragraph(std::string_view text) {
  std::string out;
  for (std::string_view line : split_lines(text)) {
    const std::string_view words = stripped(line);
    if (words.empty() && !out.empty()) break;
    out += (out.empty() || words.empty() ? "" : " ") + std::string(words);
  }
  return out;
}

std::string python_of(const fs::path& source) {
  std::string all;
  if (fs::is_directory(source)) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(source, fs::directory_options::skip_permission_denied)) {
      if (entry.is_regular_file() && entry.path().extension() == ".py") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    for (const fs::path& file : files) {
      const std::string text = read_file(file);
      if (is_utf8(text)) all += text + "\n";
    }
    return all;
  }
  for_each_line(source, [&all](size_t, std::string_view line) { all.append(line).push_back('\n'); });
  return to_valid_utf8(all);
}

/// Words hashed into 384 dimensions: as many numbers as a small embedding model gives, without its time.
class HashEmbedder : public Embedder {
 public:
  std::string id() const override { return "hash:384"; }
  std::vector<float> embed(std::string_view text, const std::stop_token&) override {
    std::vector<float> v(384, 1e-3F);
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find_first_of(" \n\t().,:=[]", at), text.size());
      if (end > at) v[std::hash<std::string_view>{}(text.substr(at, end - at)) % v.size()] += 1;
      at = end + 1;
    }
    float sum = 0;
    for (float x : v) sum += x * x;
    for (float& x : v) x /= std::sqrt(sum);
    return v;
  }
};

RetrieveQuality quality_of(RagIndex& index, const std::vector<DocstringPair>& pairs, RetrievalMode mode, const char* name,
                           const RetrieveBenchOptions& options) {
  RetrieveQuality quality;
  quality.mode = name;
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (options.progress)
      options.progress({std::string("search by ") + name, static_cast<double>(i), static_cast<double>(pairs.size()), "queries"});
    const auto hits = index.search(pairs[i].question, 100, mode, options.stop);
    const auto it = std::ranges::find(hits, "pair-" + std::to_string(i), &RagHit::path);
    if (it == hits.end()) continue;
    const auto rank = static_cast<size_t>(it - hits.begin()) + 1;
    quality.recall_at_1 += rank <= 1;
    quality.recall_at_5 += rank <= 5;
    quality.recall_at_10 += rank <= 10;
    quality.mrr += 1.0 / static_cast<double>(rank);
  }
  const auto n = static_cast<double>(pairs.size());
  for (double* value : {&quality.recall_at_1, &quality.recall_at_5, &quality.recall_at_10, &quality.mrr}) *value /= n;
  return quality;
}

double queries_per_s(RagIndex& index, const std::vector<DocstringPair>& pairs, RetrievalMode mode, const RetrieveBenchOptions& options) {
  index.search(pairs[0].question, 10, mode, options.stop);  // reads the vectors
  const auto start = std::chrono::steady_clock::now();
  for (size_t i = 0; i < options.speed_queries; ++i) index.search(pairs[i % pairs.size()].question, 10, mode, options.stop);
  return static_cast<double>(options.speed_queries) / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

RetrieveSpeed speed_at(size_t size, const std::vector<DocstringPair>& pairs, const fs::path& file, const RetrieveBenchOptions& options) {
  HashEmbedder hash;
  RagIndex index(file, &hash);
  for (size_t made = 0, part = 0; made < size; ++part) {
    std::vector<Chunk> chunks;
    for (; made < size && chunks.size() < 1000; ++made) {
      // The same functions again and again, each time with a word of their own.
      chunks.push_back({"part", made, "", pairs[made % pairs.size()].code + "# variant" + std::to_string(made) + "\n"});
    }
    index.put("part-" + std::to_string(part), chunks, options.stop);
    if (options.progress) options.progress({"fill an index", static_cast<double>(made), static_cast<double>(size), "chunks"});
  }
  RetrieveSpeed speed;
  speed.chunks = index.n_chunks();
  speed.words_queries_per_s = queries_per_s(index, pairs, RetrievalMode::kWords, options);
  speed.fused_queries_per_s = queries_per_s(index, pairs, RetrievalMode::kFused, options);
  return speed;
}

}  // namespace

std::vector<DocstringPair> mine_docstrings(std::string_view python) {
  const auto lines = split_lines(python);
  std::vector<DocstringPair> pairs;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view head = stripped(lines[i]);
    if (!head.starts_with("def ") && !head.starts_with("async def ")) continue;
    const size_t depth = indent_of(lines[i]);
    size_t body = i;
    while (body < lines.size() && !stripped(lines[body]).ends_with(':') && body < i + 20) ++body;
    ++body;
    if (body >= lines.size()) continue;
    const std::string_view opening = stripped(lines[body]);
    const size_t quote = opening.find("\"\"\"");
    if (quote > 1 || indent_of(lines[body]) <= depth) continue;  // none is npos; r""" too
    // The docstring ends at the next three quotes.
    std::string doc(opening.substr(quote + 3));
    size_t end = body;
    size_t closing = doc.find("\"\"\"");
    while (closing == std::string::npos && end + 1 < lines.size()) {
      doc += "\n" + std::string(stripped(lines[++end]));
      closing = doc.find("\"\"\"");
    }
    if (closing == std::string::npos) continue;
    doc.resize(closing);
    std::string code;
    for (size_t k = i; k < body; ++k) code += lines[k];
    size_t rest = end + 1, n_code = 0;
    for (; rest < lines.size() && (stripped(lines[rest]).empty() || indent_of(lines[rest]) > depth); ++rest) {
      code += lines[rest];
      n_code += stripped(lines[rest]).empty() ? 0 : 1;
    }
    std::string question = first_paragraph(doc);
    if (question.size() >= 15 && n_code >= 2) pairs.push_back({std::move(question), std::move(code)});
  }
  return pairs;
}

RetrieveBench run_retrieve_bench(const RetrieveBenchOptions& options) {
  std::vector<DocstringPair> all;
  std::set<std::string> seen;  // two functions of one question could not be told apart
  for (const fs::path& source : options.sources) {
    for (DocstringPair& pair : mine_docstrings(python_of(source))) {
      if (seen.insert(pair.question).second) all.push_back(std::move(pair));
    }
  }
  if (all.size() < 2)
    throw Error(ErrorCode::kInvalidArgument,
                "[bench retrieve] expected Python functions with docstrings, found " + std::to_string(all.size()),
                "aicoder bench retrieve FOLDER");
  std::vector<DocstringPair> pairs;
  const size_t wanted = std::min(all.size(), options.max_pairs);
  for (size_t i = 0; i < wanted; ++i) pairs.push_back(all[i * all.size() / wanted]);

  RetrieveBench result;
  result.pairs = pairs.size();
  if (options.embedder != nullptr) result.embedder = options.embedder->id();
  const fs::path file = options.scratch / "quality.sqlite";
  {
    RagIndex index(file, options.embedder);
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (options.progress)
        options.progress({"index the functions", static_cast<double>(i), static_cast<double>(pairs.size()), "functions"});
      // The path is no help: it would be words to find it by.
      index.put("pair-" + std::to_string(i), std::vector<Chunk>{{"", 1, "", pairs[i].code}}, options.stop);
    }
    result.quality.push_back(quality_of(index, pairs, RetrievalMode::kWords, "words", options));
    if (options.embedder != nullptr) result.quality.push_back(quality_of(index, pairs, RetrievalMode::kVectors, "vectors", options));
    result.quality.push_back(quality_of(index, pairs, RetrievalMode::kFused, "fused", options));
  }
  for (size_t size : options.sizes) {
    if (size == 0) continue;
    result.speed.push_back(speed_at(size, pairs, options.scratch / ("speed-" + std::to_string(size) + ".sqlite"), options));
  }
  return result;
}

}  // namespace aicoder
