// SQLite behind RAII: the only file that calls its open, close, prepare and finalize.
#pragma once

#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "aicoder/core.h"

namespace aicoder::rag {

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

[[noreturn]] inline void fail(sqlite3* database, const std::string& doing) {
  const int code = sqlite3_errcode(database) & 0xff;
  const std::string message = "[rag] cannot " + doing + ": " + sqlite3_errmsg(database);
  switch (code) {
    case SQLITE_FULL:
      throw Error(ErrorCode::kResourceExhausted, message, "free disk space");
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      throw Error(ErrorCode::kDataLoss, message, "aicoder rag index --fresh DIR");
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw Error(ErrorCode::kPermissionDenied, message, "aicoder rag index --index FILE DIR");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(ErrorCode::kUnavailable, message, "wait until the other aicoder has ended");
    default:
      throw Error(ErrorCode::kInternal, message);
  }
}

struct Blob {
  std::string_view bytes;
};

/// A prepared statement; reset() makes it ready for the next use.
class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql) : database_(database) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &made, nullptr) != SQLITE_OK)
      fail(database, "prepare a query");
    statement_.reset(made);
  }
  /// Binds from the first parameter on, and is ready to step.
  template <typename... Values>
  Statement& with(const Values&... values) {
    sqlite3_reset(statement_.get());
    int at = 0;
    (bind(++at, values), ...);
    return *this;
  }
  /// \return whether there is a row.
  bool step() {
    const int result = sqlite3_step(statement_.get());
    if (result != SQLITE_ROW && result != SQLITE_DONE) fail(database_, "run a query");
    return result == SQLITE_ROW;
  }
  void run() {
    while (step()) {
    }
    sqlite3_reset(statement_.get());
  }
  int64_t integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  double real(int column) const { return sqlite3_column_double(statement_.get(), column); }
  std::string text(int column) const {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
    return bytes == nullptr ? "" : std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column)));
  }

 private:
  void bind(int at, int64_t value) { sqlite3_bind_int64(statement_.get(), at, value); }
  void bind(int at, size_t value) { sqlite3_bind_int64(statement_.get(), at, static_cast<int64_t>(value)); }
  void bind(int at, std::string_view value) {
    sqlite3_bind_text(statement_.get(), at, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
  }
  void bind(int at, Blob value) {
    sqlite3_bind_blob(statement_.get(), at, value.bytes.data(), static_cast<int>(value.bytes.size()), SQLITE_TRANSIENT);
  }
  void bind(int at, const std::string& value) { bind(at, std::string_view(value)); }

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, FinalizeStatement> statement_;
};

class Database {
 public:
  explicit Database(const std::filesystem::path& file) {
    sqlite3* opened = nullptr;
    const int result = sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    database_.reset(opened);
    if (result != SQLITE_OK) fail(opened, "open '" + file.string() + "'");
    sqlite3_busy_timeout(opened, 5000);
  }
  sqlite3* get() const { return database_.get(); }
  void run(const char* sql) {
    if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(database_.get(), "change the index");
  }

 private:
  std::unique_ptr<sqlite3, CloseDatabase> database_;
};

/// Rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(&database) { database.run("BEGIN IMMEDIATE"); }
  ~Transaction() {
    if (database_ != nullptr) sqlite3_exec(database_->get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    database_->run("COMMIT");
    database_ = nullptr;
  }

 private:
  Database* database_;
};

}  // namespace aicoder::rag
