#include "apkg/requirement_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>

namespace pixell::apkg {

namespace {

// Options of a requirements file, https://pip.pypa.io/en/stable/reference/requirements-file-format/
constexpr std::array kOptions = {std::string_view("-i"),
                                 std::string_view("--index-url"),
                                 std::string_view("--extra-index-url"),
                                 std::string_view("--no-index"),
                                 std::string_view("-c"),
                                 std::string_view("--constraint"),
                                 std::string_view("-r"),
                                 std::string_view("--requirement"),
                                 std::string_view("-e"),
                                 std::string_view("--editable"),
                                 std::string_view("-f"),
                                 std::string_view("--find-links"),
                                 std::string_view("--no-binary"),
                                 std::string_view("--only-binary"),
                                 std::string_view("--prefer-binary"),
                                 std::string_view("--require-hashes"),
                                 std::string_view("--pre"),
                                 std::string_view("--trusted-host"),
                                 std::string_view("--use-feature")};

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

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

Error wrong(std::string message) {
  return make_error(ErrorCode::InvalidArgument, std::move(message));
}

bool is_option(std::string_view line) {
  return std::ranges::any_of(kOptions, [line](std::string_view option) {
    if (!line.starts_with(option)) return false;
    // "-rbase.txt" is fine, "--prefix" is not "--pre".
    return line.size() == option.size() || option.size() == 2 || is_blank(line[option.size()]) ||
           line[option.size()] == '=';
  });
}

bool is_place(std::string_view line) {
  const std::string_view first = line.substr(0, line.find_first_of(" \t;"));
  return line.starts_with('.') || line.starts_with('/') || first.ends_with(".whl") ||
         first.ends_with(".tar.gz") || first.find("://") != first.npos ||
         first.starts_with("file:");
}

// ">=1.0,<2", with or without parentheses; empty is fine.
Result<void> check_versions(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('(')) {
    if (!text.ends_with(')')) return wrong("a parenthesis is not closed");
    text = trimmed(text.substr(1, text.size() - 2));
  }
  while (!text.empty()) {
    constexpr std::array<std::string_view, 8> kOperators = {
        "===", "==", "~=", "!=", "<=", ">=", "<", ">"};
    const auto op =
        std::ranges::find_if(kOperators, [&](auto one) { return text.starts_with(one); });
    if (op == kOperators.end())
      return wrong(fmt::format("'{}' is no version condition such as >=1.0", text));
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view version = trimmed(text.substr(op->size(), comma - op->size()));
    const bool is_version = !version.empty() && std::ranges::all_of(version, [](char c) {
      return is_word(c) || c == '.' || c == '*' || c == '+' || c == '!' || c == '-' || c == '_';
    });
    if (!is_version) return wrong(fmt::format("'{}' is no version", version));
    text = comma == text.size() ? std::string_view() : trimmed(text.substr(comma + 1));
  }
  return {};
}

// Options behind a requirement: " --hash=sha256:…".
std::string_view without_options(std::string_view line) {
  const std::size_t at = line.find(" --");
  return at == line.npos ? line : trimmed(line.substr(0, at));
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

std::string normal_project(std::string_view name) {
  std::string normal;
  for (const char c : name) {
    const bool is_dash = c == '-' || c == '_' || c == '.';
    if (is_dash && normal.ends_with('-')) continue;
    normal += is_dash ? '-' : (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return normal;
}

Result<RequirementLine> read_requirement(std::string_view line) {
  line = trimmed(line);
  if (line.starts_with('-')) {
    if (is_option(line)) return RequirementLine{};
    return wrong(fmt::format("'{}' is no option of a requirements file",
                             line.substr(0, line.find_first_of(" \t="))));
  }
  if (is_place(line)) return RequirementLine{};
  line = without_options(line);
  std::size_t length = 0;
  while (length < line.size() && (is_word(line[length]) || line[length] == '-' ||
                                  line[length] == '_' || line[length] == '.'))
    ++length;
  const std::string_view name = line.substr(0, length);
  if (name.empty() || !is_word(name.front()) || !is_word(name.back()))
    return wrong("it does not begin with the name of a project");
  std::string_view rest = trimmed(line.substr(length));
  if (rest.starts_with('[')) {
    const std::size_t close = rest.find(']');
    if (close == rest.npos) return wrong("a bracket is not closed");
    rest = trimmed(rest.substr(close + 1));
  }
  RequirementLine found{.project = normal_project(name)};
  if (rest.starts_with('@')) {
    if (trimmed(rest.substr(1)).empty()) return wrong("there is no address behind '@'");
    return found;
  }
  if (const std::size_t marker = rest.find(';'); marker != rest.npos) {
    if (trimmed(rest.substr(marker + 1)).empty()) return wrong("there is no condition behind ';'");
    rest = rest.substr(0, marker);
  }
  TRY_VOID(check_versions(rest));
  return found;
}

}  // namespace pixell::apkg
