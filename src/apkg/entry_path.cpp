#include "apkg/entry_path.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "apkg/limits.hpp"

namespace pixell::apkg {

namespace {

constexpr std::size_t kShownNameBytes = 200;

Error wrong(std::string what) { return make_error(ErrorCode::InvalidArgument, std::move(what)); }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

Result<std::string> safe_entry_path(std::string_view name) {
  if (name.size() > kMaxEntryPathBytes)
    return wrong(fmt::format("is longer than {} bytes", kMaxEntryPathBytes));
  if (std::any_of(name.begin(), name.end(), is_control)) return wrong("holds a control character");
  if (name.find('\\') != name.npos) return wrong("holds a backslash");
  if (name.starts_with('/')) return wrong("is absolute");
  if (name.size() >= 2 && name[1] == ':' && is_letter(name[0])) return wrong("names a drive");
  while (name.starts_with("./")) name.remove_prefix(2);
  if (name.ends_with('/')) name.remove_suffix(1);
  if (name.empty()) return wrong("has no name");

  std::size_t depth = 0;
  for (std::size_t start = 0; start <= name.size(); ++depth) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    const std::string_view part = name.substr(start, end - start);
    if (part.empty()) return wrong("has an empty directory name");
    if (part == "..") return wrong("holds \"..\"");
    if (part == ".") return wrong("holds \".\"");
    if (part.size() > kMaxEntryNameBytes)
      return wrong(fmt::format("has a name longer than {} bytes", kMaxEntryNameBytes));
    start = end + 1;
  }
  if (depth > kMaxEntryDepth)
    return wrong(fmt::format("is nested deeper than {} directories", kMaxEntryDepth));
  return std::string(name);
}

std::string shown_name(std::string_view name) {
  std::string shown;
  for (const char c : name.substr(0, kShownNameBytes)) {
    if (is_control(c))
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else if (c == '"')
      shown += "\\\"";
    else
      shown += c;
  }
  if (name.size() > kShownNameBytes) shown += "…";
  return shown;
}

}  // namespace pixell::apkg
