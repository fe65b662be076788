#include "apkg/entry_names.hpp"

#include <fmt/format.h>

#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "apkg/entry_path.hpp"

namespace pixell::apkg {

namespace {

model::Failure unsafe(const ArchiveEntry& entry, std::string_view what) {
  return model::make_failure(model::Cause::UnsafeArchive,
                             fmt::format("entry \"{}\" {}", shown_name(entry.path), what),
                             {fmt::format("entry {} of the directory: \"{}\", {} bytes",
                                          entry.index, shown_name(entry.path), entry.bytes)});
}

}  // namespace

std::vector<model::Failure> entry_name_failures(const std::vector<ArchiveEntry>& entries) {
  std::vector<model::Failure> found;
  std::unordered_set<std::string_view> files;
  for (const ArchiveEntry& entry : entries)
    if (!entry.is_directory && !files.insert(entry.path).second)
      found.push_back(unsafe(entry, "is there twice"));
  for (const ArchiveEntry& entry : entries) {
    if (entry.is_directory && files.contains(entry.path))
      found.push_back(unsafe(entry, "is both a file and a directory"));
    const std::string_view path = entry.path;
    for (std::size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
      if (files.contains(path.substr(0, slash))) {
        found.push_back(unsafe(entry, "lies below a file"));
        break;
      }
  }
  return found;
}

Checked<void> check_entry_names(const std::vector<ArchiveEntry>& entries) {
  auto found = entry_name_failures(entries);
  if (found.empty()) return {};
  return std::unexpected(std::move(found.front()));
}

std::vector<std::string> case_clashes(const std::vector<ArchiveEntry>& entries) {
  std::unordered_map<std::string, std::string_view> folded;
  std::vector<std::string> warnings;
  for (const ArchiveEntry& entry : entries) {
    std::string lower = entry.path;
    for (char& c : lower)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const auto [other, is_new] = folded.try_emplace(std::move(lower), entry.path);
    if (is_new || other->second == entry.path) continue;
    if (warnings.size() == kMaxArchiveWarnings) {
      warnings.push_back("more names differ only in case");
      break;
    }
    warnings.push_back(fmt::format("\"{}\" and \"{}\" differ only in case",
                                   shown_name(other->second), shown_name(entry.path)));
  }
  return warnings;
}

}  // namespace pixell::apkg
