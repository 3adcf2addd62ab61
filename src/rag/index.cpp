#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "aicoder/rag.h"
#include "rag/folder_files.h"
#include "rag/search_terms.h"
#include "rag/sqlite_handles.h"
#include "rag/vector_table.h"

namespace aicoder {
namespace {
namespace fs = std::filesystem;
using rag::Statement;

// Raised with every change of the tables below; an index of another one is made anew.
constexpr int kSchemaVersion = 1;
constexpr char kSchema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
    "CREATE TABLE file(id INTEGER PRIMARY KEY, path TEXT UNIQUE, bytes INTEGER, time INTEGER, sha256 TEXT);"
    "CREATE TABLE chunk(id INTEGER PRIMARY KEY, file INTEGER REFERENCES file, line INTEGER, name TEXT, text TEXT);"
    "CREATE INDEX chunk_of_file ON chunk(file);"
    "CREATE TABLE vector(chunk INTEGER PRIMARY KEY, data BLOB);"
    // Our own terms, so the tokenizer only has to split at blanks: words, parts of identifiers, pairs of syllables.
    "CREATE VIRTUAL TABLE term USING fts5(terms, tokenize=\"unicode61 remove_diacritics 0 tokenchars '_'\", detail=full);"
    // Any part of an identifier from three characters on.
    "CREATE VIRTUAL TABLE gram USING fts5(text, tokenize='trigram', detail=full);";

// Cormack, Clarke, Buettcher 2009: 60 in the paper, and little depends on it.
constexpr double kFusion = 60;
// Each list is read this deep before the lists are fused.
constexpr size_t kDepth = 100;

std::string joined(const std::vector<std::string>& terms) {
  std::string all;
  for (const std::string& term : terms) all += (all.empty() ? "" : " ") + term;
  return all;
}

std::string bytes_of(const std::vector<float>& vector) {
  return {reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float)};
}

std::vector<float> floats_of(const std::string& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

using Ranking = std::vector<int64_t>;  // chunk ids, best first

}  // namespace

struct RagIndex::State {
  State(const fs::path& file, Embedder* embedder_) : embedder(embedder_), database(file) {
    Statement version(database.get(), "PRAGMA user_version");
    version.step();
    const int64_t found = version.integer(0);
    Statement tables(database.get(), "SELECT count(*) FROM sqlite_master");
    tables.step();
    if (found == 0 && tables.integer(0) == 0) {
      make(file);
    } else if (found != kSchemaVersion) {
      throw Error(ErrorCode::kDataLoss, "[rag] '" + file.string() + "' is no index of this version", "aicoder rag index --fresh DIR");
    }
    check_embedder(file);
  }

  void make(const fs::path&) {
    rag::Transaction all(database);
    database.run(kSchema);
    Statement(database.get(), "INSERT INTO meta VALUES('embedder', ?)").with(embedder != nullptr ? embedder->id() : std::string()).run();
    database.run(("PRAGMA user_version = " + std::to_string(kSchemaVersion)).c_str());
    all.commit();
  }

  void check_embedder(const fs::path& file) const {
    Statement made_with(database.get(), "SELECT value FROM meta WHERE key = 'embedder'");
    const std::string theirs = made_with.step() ? made_with.text(0) : "";
    const std::string ours = embedder != nullptr ? embedder->id() : "";
    if (theirs == ours) return;
    throw Error(ErrorCode::kFailedPrecondition,
                "[rag] '" + file.string() + "' was made with " + (theirs.empty() ? "no embedding model" : "embedding model " + theirs) +
                    ", found " + (ours.empty() ? "none" : ours),
                "aicoder rag index --fresh DIR");
  }

  int64_t count(const char* table) const {
    Statement all(database.get(), std::string("SELECT count(*) FROM ") + table);
    all.step();
    return all.integer(0);
  }

  void forget_chunks(int64_t file) const {
    for (const char* sql :
         {"DELETE FROM term WHERE rowid IN (SELECT id FROM chunk WHERE file = ?)",
          "DELETE FROM gram WHERE rowid IN (SELECT id FROM chunk WHERE file = ?)",
          "DELETE FROM vector WHERE chunk IN (SELECT id FROM chunk WHERE file = ?)", "DELETE FROM chunk WHERE file = ?"}) {
      Statement(database.get(), sql).with(file).run();
    }
  }

  void add_chunks(int64_t file, std::span<const Chunk> chunks, const std::stop_token& stop) {
    Statement chunk_row(database.get(), "INSERT INTO chunk(file, line, name, text) VALUES(?, ?, ?, ?)");
    Statement term_row(database.get(), "INSERT INTO term(rowid, terms) VALUES(?, ?)");
    Statement gram_row(database.get(), "INSERT INTO gram(rowid, text) VALUES(?, ?)");
    Statement vector_row(database.get(), "INSERT INTO vector VALUES(?, ?)");
    for (const Chunk& chunk : chunks) {
      throw_if_stopped(stop);
      chunk_row.with(file, chunk.line, chunk.name, chunk.text).run();
      const int64_t id = sqlite3_last_insert_rowid(database.get());
      // Where it is and what it is part of are words to find it by.
      const std::string whole = chunk.path + "\n" + chunk.name + "\n" + chunk.text;
      term_row.with(id, joined(rag::search_terms(whole))).run();
      gram_row.with(id, whole).run();
      if (embedder != nullptr) vector_row.with(id, rag::Blob{bytes_of(embedder->embed(whole, stop))}).run();
    }
    vectors.reset();
  }

  int64_t file_row(std::string_view path, uint64_t bytes, int64_t time, const std::string& sha256) const {
    Statement(database.get(),
              "INSERT INTO file(path, bytes, time, sha256) VALUES(?, ?, ?, ?) "
              "ON CONFLICT(path) DO UPDATE SET bytes = excluded.bytes, time = excluded.time, sha256 = excluded.sha256")
        .with(path, bytes, time, sha256)
        .run();
    Statement id(database.get(), "SELECT id FROM file WHERE path = ?");
    id.with(path).step();
    return id.integer(0);
  }

  const rag::VectorTable& all_vectors() {
    if (!vectors) {
      vectors = std::make_unique<rag::VectorTable>();
      Statement rows(database.get(), "SELECT chunk, data FROM vector ORDER BY chunk");
      while (rows.step()) vectors->add(rows.integer(0), floats_of(rows.text(1)));
    }
    return *vectors;
  }

  Ranking by_words(const char* table, const std::string& match, size_t k) const {
    Ranking ids;
    if (match.empty()) return ids;
    Statement rows(database.get(), std::string("SELECT rowid FROM ") + table + " WHERE " + table + " MATCH ? ORDER BY rank, rowid LIMIT ?");
    rows.with(match, k);
    while (rows.step()) ids.push_back(rows.integer(0));
    return ids;
  }

  Ranking by_vectors(std::string_view query, size_t k, const std::stop_token& stop) {
    Ranking ids;
    for (const auto& near : all_vectors().nearest(embedder->embed(query, stop), k)) ids.push_back(near.id);
    return ids;
  }

  Embedder* embedder;
  rag::Database database;
  std::unique_ptr<rag::VectorTable> vectors;  ///< read on first use; dropped by every change
};

RagIndex::RagIndex(const fs::path& file, Embedder* embedder) : state_(std::make_unique<State>(file, embedder)) {}
RagIndex::~RagIndex() = default;

size_t RagIndex::n_chunks() const { return static_cast<size_t>(state_->count("chunk")); }
size_t RagIndex::n_files() const { return static_cast<size_t>(state_->count("file")); }

void RagIndex::put(std::string_view path, std::span<const Chunk> chunks, const std::stop_token& stop) {
  rag::Transaction all(state_->database);
  const int64_t file = state_->file_row(path, 0, 0, "");
  state_->forget_chunks(file);
  state_->add_chunks(file, chunks, stop);
  all.commit();
}

RagUpdate RagIndex::update(const fs::path& folder, const RagUpdateOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto files = rag::folder_files(folder, options.max_file_bytes);
  struct Known {
    int64_t id;
    uint64_t bytes;
    int64_t time;
    std::string sha256;
  };
  std::map<std::string, Known> known;
  Statement rows(state_->database.get(), "SELECT path, id, bytes, time, sha256 FROM file WHERE sha256 != ''");
  while (rows.step()) known[rows.text(0)] = {rows.integer(1), static_cast<uint64_t>(rows.integer(2)), rows.integer(3), rows.text(4)};

  RagUpdate result;
  size_t done = 0;
  for (const rag::FolderFile& file : files) {
    throw_if_stopped(options.stop);
    if (options.progress) options.progress({"index", static_cast<double>(done++), static_cast<double>(files.size()), "files"});
    const auto it = known.find(file.path);
    const bool fresh = it == known.end();
    const Known before = fresh ? Known{} : it->second;
    if (!fresh && before.bytes == file.bytes && before.time == file.time) {
      known.erase(it);
      continue;
    }
    std::string text;
    try {
      text = read_file(folder / file.path, options.max_file_bytes);
    } catch (const Error&) {
      continue;  // gone or closed since it was listed: forgotten below
    }
    if (text.find('\0') != std::string::npos || !is_utf8(text)) continue;
    if (!fresh) known.erase(it);
    const std::string sha256 = sha256_hex(text);
    // A file a transaction: stopped in the middle, the index is that of whole files.
    rag::Transaction one(state_->database);
    const int64_t id = state_->file_row(file.path, file.bytes, file.time, sha256);
    if (fresh || before.sha256 != sha256) {
      state_->forget_chunks(id);
      state_->add_chunks(id, chunk_text(file.path, text), options.stop);
      ++(fresh ? result.added : result.changed);
    }
    one.commit();
  }
  for (const auto& [path, gone] : known) {
    rag::Transaction one(state_->database);
    state_->forget_chunks(gone.id);
    Statement(state_->database.get(), "DELETE FROM file WHERE id = ?").with(gone.id).run();
    one.commit();
    ++result.removed;
  }
  if (result.removed > 0) state_->vectors.reset();
  result.files = n_files();
  result.chunks = n_chunks();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

std::vector<RagHit> RagIndex::search(std::string_view query, size_t k, RetrievalMode mode, const std::stop_token& stop) {
  if (k == 0) throw Error(ErrorCode::kInvalidArgument, "[rag] at least 1 result must be asked for, found 0", "-k 5");
  if (mode == RetrievalMode::kVectors && state_->embedder == nullptr) {
    throw Error(ErrorCode::kInvalidArgument, "[rag] the index has no vectors", "aicoder rag index --fresh --embed MODEL DIR");
  }
  throw_if_stopped(stop);
  const size_t depth = std::max(k, kDepth);
  std::vector<Ranking> rankings;
  if (mode != RetrievalMode::kVectors) rankings.push_back(state_->by_words("term", rag::match_any(rag::search_terms(query)), depth));
  if (mode == RetrievalMode::kFused) {
    const auto names = rag::identifiers(query);
    if (!names.empty()) rankings.push_back(state_->by_words("gram", rag::match_any(names), depth));
  }
  if (mode != RetrievalMode::kWords && state_->embedder != nullptr) rankings.push_back(state_->by_vectors(query, depth, stop));

  std::map<int64_t, double> scores;
  for (const Ranking& ranking : rankings) {
    for (size_t place = 0; place < ranking.size(); ++place) scores[ranking[place]] += 1.0 / (kFusion + static_cast<double>(place) + 1);
  }
  std::vector<std::pair<int64_t, double>> best(scores.begin(), scores.end());
  std::ranges::stable_sort(best, [](const auto& a, const auto& b) { return a.second > b.second; });
  if (best.size() > k) best.resize(k);
  std::vector<RagHit> hits;
  Statement row(state_->database.get(),
                "SELECT file.path, chunk.line, chunk.name, chunk.text FROM chunk JOIN file ON file.id = chunk.file WHERE chunk.id = ?");
  for (const auto& [id, score] : best) {
    if (row.with(id).step()) hits.push_back({row.text(0), static_cast<size_t>(row.integer(1)), row.text(2), row.text(3), score});
  }
  return hits;
}

}  // namespace aicoder
