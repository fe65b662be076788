#include "store/testing/sql_dump.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <memory>
#include <stdexcept>

namespace pixell::store {

namespace {

struct Close {
  void operator()(sqlite3* handle) const { sqlite3_close(handle); }
};

// Reads the first column of every row.
class TextReader {
 public:
  explicit TextReader(const std::filesystem::path& path) {
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE, nullptr);
    handle_.reset(handle);
    if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(handle));
  }

  std::vector<std::string> read(const std::string& sql) {
    std::vector<std::string> texts;
    const auto take = [](void* into, int, char** values, char**) {
      static_cast<std::vector<std::string>*>(into)->emplace_back(values[0]);
      return 0;
    };
    if (sqlite3_exec(handle_.get(), sql.c_str(), take, &texts, nullptr) != SQLITE_OK)
      throw std::runtime_error(sqlite3_errmsg(handle_.get()));
    return texts;
  }

 private:
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace

std::string dump_sql(const std::filesystem::path& path) {
  TextReader database(path);
  std::string script;
  for (const std::string& statement :
       database.read("SELECT sql FROM sqlite_master WHERE sql <> '' AND name NOT LIKE 'sqlite_%'"
                     " ORDER BY type <> 'table', rowid"))
    script += statement + ";\n";
  for (const std::string& table :
       database.read("SELECT name FROM sqlite_master WHERE type = 'table'"
                     " AND name NOT LIKE 'sqlite_%' ORDER BY rowid")) {
    const auto values = database.read(fmt::format(
        "SELECT group_concat('quote(\"' || name || '\")', ' || '', '' || ')"
        " FROM pragma_table_info('{}')",
        table));
    for (const std::string& insert : database.read(fmt::format(
             "SELECT 'INSERT INTO {0} VALUES (' || {1} || ');' FROM {0} ORDER BY rowid", table,
             values.at(0))))
      script += insert + "\n";
  }
  return script;
}

std::vector<std::string> list_columns(const std::filesystem::path& path) {
  return TextReader(path).read(
      "SELECT m.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\""
      " FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY 1");
}

}  // namespace pixell::store
