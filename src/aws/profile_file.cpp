#include "aws/profile_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/files.hpp"

namespace pixell::aws {

namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// The profile that a section is about; nothing when it is about something else.
std::optional<std::string> profile_of(std::string_view section, bool is_config) {
  if (!is_config || section == "default") return std::string(section);
  constexpr std::string_view kPrefix = "profile";
  if (!section.starts_with(kPrefix) || section.size() == kPrefix.size()) return std::nullopt;
  const std::string_view rest = section.substr(kPrefix.size());
  if (rest.front() != ' ' && rest.front() != '\t') return std::nullopt;
  return std::string(trim(rest));
}

Result<void> read_into(const std::filesystem::path& path, bool is_config, Profiles& profiles) {
  const auto text = read_file(path);
  if (!text && text.error().code == ErrorCode::NotFound) return {};
  if (!text) return text.error();
  auto parsed = parse_profiles(*text, is_config, profiles);
  if (!parsed)
    return make_error(parsed.error().code, path.string() + ": " + parsed.error().message);
  return parsed;
}

// A file that a variable names, or its place below the home directory; empty without either.
std::filesystem::path file_of(const Environment& env, const char* variable, const char* name) {
  if (const std::string given = value_of(env, variable); !given.empty()) return given;
  const std::string home = value_of(env, "HOME");
  return home.empty() ? std::filesystem::path() : std::filesystem::path(home) / ".aws" / name;
}

}  // namespace

std::string profile_name(const Environment& env) {
  const std::string name = value_of(env, "AWS_PROFILE");
  return name.empty() ? "default" : name;
}

Result<void> parse_profiles(std::string_view text, bool is_config, Profiles& profiles) {
  std::map<std::string, std::string>* section = nullptr;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      const std::size_t close = line.find(']');
      if (close == line.npos)
        return make_error(ErrorCode::InvalidArgument,
                          fmt::format("line {} begins a section and does not end it", number));
      const auto profile = profile_of(trim(line.substr(1, close - 1)), is_config);
      section = profile ? &profiles[*profile] : nullptr;
      continue;
    }
    if (raw.front() == ' ' || raw.front() == '\t') continue;  // nested below a setting
    const std::size_t equals = line.find('=');
    if (equals == line.npos)
      return make_error(ErrorCode::InvalidArgument,
                        fmt::format("line {} is no section and no setting", number));
    if (section != nullptr)
      (*section)[std::string(trim(line.substr(0, equals)))] = trim(line.substr(equals + 1));
  }
  return {};
}

Result<Profiles> read_profiles(const Environment& env) {
  Profiles profiles;
  const auto config = file_of(env, "AWS_CONFIG_FILE", "config");
  if (!config.empty()) TRY_VOID(read_into(config, true, profiles));
  const auto credentials = file_of(env, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
  if (!credentials.empty()) TRY_VOID(read_into(credentials, false, profiles));
  return profiles;
}

}  // namespace pixell::aws
