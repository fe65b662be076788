#include "apkg/line_kind.hpp"

#include <initializer_list>
#include <optional>

namespace pixell::apkg {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\v\f";
  const std::size_t start = text.find_first_not_of(kBlanks);
  if (start == text.npos) return {};
  return text.substr(start, text.find_last_not_of(kBlanks) - start + 1);
}

// pip ends a requirement at a '#' after a blank.
std::string_view without_comment(std::string_view line) {
  line = trimmed(line);
  if (line.starts_with('#')) return {};
  for (std::size_t at = line.find('#'); at != line.npos; at = line.find('#', at + 1))
    if (line[at - 1] == ' ' || line[at - 1] == '\t') return trimmed(line.substr(0, at));
  return line;
}

// The value of an option in one of its spellings ("-r x", "-rx", "--requirement=x"), or nothing.
std::optional<std::string_view> option_value(std::string_view line,
                                             std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (!line.starts_with(name)) continue;
    std::string_view rest = line.substr(name.size());
    const bool is_long = name.starts_with("--");
    if (is_long && !rest.empty() && rest.front() != ' ' && rest.front() != '\t' &&
        rest.front() != '=')
      continue;
    rest = trimmed(rest);
    if (rest.starts_with('=')) rest = trimmed(rest.substr(1));
    return rest;
  }
  return std::nullopt;
}

bool is_remote(std::string_view place) {
  return place.find("://") != place.npos && !place.starts_with("file:");
}

// Without "file:", extras, markers and hashes.
std::string_view bare_path(std::string_view text) {
  text = text.substr(0, text.find_first_of("[; \t"));
  if (text.starts_with("file:")) text.remove_prefix(5);
  if (text.starts_with("//")) text.remove_prefix(2);
  return text;
}

}  // namespace

RequirementKind classify_requirement(std::string_view text) {
  const std::string_view line = without_comment(text);
  if (line.empty()) return {.kind = LineKind::Blank};
  if (const auto included = option_value(line, {"--requirement", "--constraint", "-r", "-c"}))
    return {.kind = LineKind::Include, .path = *included};
  if (option_value(line, {"--index-url", "-i", "--extra-index-url"}))
    return {.kind = LineKind::Source};
  if (const auto links = option_value(line, {"--find-links", "-f"})) {
    if (is_remote(*links)) return {.kind = LineKind::Source};
    return {.kind = LineKind::LinkFolder, .path = bare_path(*links)};
  }
  if (const auto editable = option_value(line, {"--editable", "-e"})) {
    if (is_remote(*editable)) return {.kind = LineKind::Requirement};
    return {.kind = LineKind::LocalPath, .path = bare_path(*editable)};
  }
  if (line.starts_with('-')) return {.kind = LineKind::Option};
  std::string_view place = line;
  if (const std::size_t at = line.find(" @ "); at != line.npos)
    place = trimmed(line.substr(at + 3));
  if (is_remote(place)) return {.kind = LineKind::Requirement};
  const std::string_view path = bare_path(place);
  if (place.starts_with('.') || place.starts_with('/') || place.starts_with("file:") ||
      path.ends_with(".whl"))
    return {.kind = LineKind::LocalPath, .path = path};
  return {.kind = LineKind::Requirement};
}

}  // namespace pixell::apkg
