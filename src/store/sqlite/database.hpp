#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace pixell::store {

class Database;

/// One use of a prepared statement: bind in order, then run() or rows with next(). Ends (and gives
/// the statement back to its Database) when destroyed.
class Query {
 public:
  Query(Query&&) noexcept;
  Query& operator=(Query&&) = delete;
  ~Query();

  /// Binds the next parameter.
  Query& bind(std::string_view text);
  Query& bind(std::int64_t number);
  Query& bind(int number) { return bind(std::int64_t{number}); }
  Query& bind(bool flag) { return bind(std::int64_t{flag}); }

  /// Moves to the next row; false when there is none.
  Result<bool> next();
  /// Runs a statement that gives no rows; returns how many rows it changed.
  Result<std::int64_t> run();

  std::string text(int column) const;
  std::int64_t number(int column) const;
  double real(int column) const;

 private:
  friend class Database;
  Query(Database& database, std::string_view sql, sqlite3_stmt* statement, int prepare_code);

  Database* database_;
  std::string_view sql_;  // a literal: outlives the query
  sqlite3_stmt* statement_;
  int code_;  // first failure of preparing or binding, reported by next() and run()
  int bound_ = 0;
};

/// What a checkpoint found and did, in pages of the write-ahead log.
struct CheckpointResult {
  std::int64_t log_pages = 0;
  std::int64_t copied_pages = 0;  ///< of them are in the database file now
};

/// One SQLite connection. Not thread-safe: the owner locks.
class Database {
 public:
  /// Opens with WAL, foreign keys and the busy timeout. A commit survives the end of the process,
  /// not a power cut (synchronous=NORMAL): for that the write-ahead log has to be synced, see
  /// GroupSync. Nothing is copied from the log by itself, see Checkpointer. PermissionDenied: the
  /// file or its directory may not be written; else as error().
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& path,
                                                int busy_timeout_ms, std::int64_t max_bytes);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// A use of a cached statement; `sql` must be a literal. A statement that cannot be prepared
  /// fails at next() or run().
  Query query(std::string_view sql);
  /// Runs a script without parameters.
  Result<void> execute(const std::string& script);
  /// The Error for a SQLite result code, naming the file and what to do: ResourceExhausted (disk
  /// full), DataLoss (damaged), Unavailable (locked, not writable any more, failing disk).
  Error error(int code, std::string_view sql) const;

  /// Copies what the log holds, as far as readers permit, to the database file, synced; with
  /// `is_complete` all of it, waiting for readers and writers up to the busy timeout.
  Result<CheckpointResult> checkpoint(bool is_complete);
  /// How long the log was after the last commit of this connection.
  std::int64_t log_pages() const { return log_pages_; }
  /// Copies the whole database, as it is at one moment, to a new file.
  Result<void> copy_to(const std::filesystem::path& path);

 private:
  friend class Query;
  Database(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}

  sqlite3* handle_;
  std::string path_;
  bool is_open_ = false;        // whether open() has succeeded
  std::int64_t log_pages_ = 0;  // told by SQLite at each commit
  std::unordered_map<std::string_view, std::vector<sqlite3_stmt*>> idle_;  // by SQL text
};

/// A write transaction; rolled back unless commit() succeeded.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;  // null once committed
};

}  // namespace pixell::store
