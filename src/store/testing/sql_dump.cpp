#include "store/testing/sql_dump.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <memory>

namespace pixell::store {

namespace {

struct Close {
  void operator()(sqlite3* handle) const { sqlite3_close(handle); }
};

using Texts = std::vector<std::string>;

Result<std::unique_ptr<sqlite3, Close>> open(const std::filesystem::path& path) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE, nullptr);
  std::unique_ptr<sqlite3, Close> database(handle);
  if (code != SQLITE_OK) return make_error(ErrorCode::Internal, sqlite3_errmsg(handle));
  return database;
}

// The first column of every row.
Result<Texts> read(sqlite3& database, const std::string& sql) {
  Texts texts;
  const auto take = [](void* into, int, char** values, char**) {
    static_cast<Texts*>(into)->emplace_back(values[0]);
    return 0;
  };
  if (sqlite3_exec(&database, sql.c_str(), take, &texts, nullptr) != SQLITE_OK)
    return make_error(ErrorCode::Internal, sqlite3_errmsg(&database));
  return texts;
}

}  // namespace

Result<std::string> dump_sql(const std::filesystem::path& path) {
  TRY(const auto database, open(path));
  TRY(const Texts schema,
      read(*database,
           "SELECT sql FROM sqlite_master WHERE sql <> '' AND name NOT LIKE 'sqlite_%'"
           " ORDER BY type <> 'table', rowid"));
  TRY(const Texts tables, read(*database,
                               "SELECT name FROM sqlite_master WHERE type = 'table'"
                               " AND name NOT LIKE 'sqlite_%' ORDER BY rowid"));
  std::string script;
  for (const std::string& statement : schema) script += statement + ";\n";
  for (const std::string& table : tables) {
    TRY(const Texts values,
        read(*database, fmt::format("SELECT group_concat('quote(\"' || name || '\")',"
                                    " ' || '', '' || ') FROM pragma_table_info('{}')",
                                    table)));
    TRY(const Texts inserts,
        read(*database,
             fmt::format("SELECT 'INSERT INTO {0} VALUES (' || {1} || ');' FROM {0} ORDER BY rowid",
                         table, values.at(0))));
    for (const std::string& insert : inserts) script += insert + "\n";
  }
  return script;
}

Result<std::vector<std::string>> list_columns(const std::filesystem::path& path) {
  TRY(const auto database, open(path));
  return read(*database,
              "SELECT m.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\""
              " FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
              " ORDER BY 1");
}

}  // namespace pixell::store
