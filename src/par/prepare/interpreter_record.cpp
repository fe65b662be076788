#include "par/prepare/interpreter_record.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "apkg/digest.hpp"
#include "base/files.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// Changes whenever another file is put in the interpreter's place.
std::string identity_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return fmt::format("{}:{}:{}:{}.{}:{}.{}", info.st_dev, info.st_ino, info.st_size,
                     info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_ctim.tv_sec,
                     info.st_ctim.tv_nsec);
}

fs::path record_path(const fs::path& directory, const std::string& path) {
  return directory / (apkg::sha256_of(path) + ".json");
}

}  // namespace

std::optional<Interpreter> recorded_interpreter(const fs::path& directory,
                                                const std::string& path) try {
  if (directory.empty()) return std::nullopt;
  const auto text = read_file(record_path(directory, path));
  if (!text) return std::nullopt;
  const json record = json::parse(*text);
  if (record.at("identity") != identity_of(path)) return std::nullopt;
  return Interpreter{.path = record.at("path"),
                     .version = record.at("version"),
                     .major = record.at("major"),
                     .minor = record.at("minor"),
                     .abi = record.at("abi"),
                     .platform = record.at("platform"),
                     .warning = {}};
} catch (const json::exception&) {
  return std::nullopt;  // a damaged record is no record
}

void record_interpreter(const fs::path& directory, const std::string& path,
                        const Interpreter& interpreter) {
  std::error_code failed;
  if (directory.empty() || fs::canonical(path, failed) != interpreter.path || failed) return;
  const json record = {{"identity", identity_of(path)},   {"path", interpreter.path},
                       {"version", interpreter.version},  {"major", interpreter.major},
                       {"minor", interpreter.minor},      {"abi", interpreter.abi},
                       {"platform", interpreter.platform}};
  // The store itself is readable by the agents' users.
  if (!make_directories(directory.parent_path(), 0755) || !make_directories(directory)) return;
  (void)write_file_atomically(record_path(directory, path), record.dump(), 0600,
                              Durability::ProcessCrash);
}

}  // namespace pixell::prepare
