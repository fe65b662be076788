#include "par/environment_file.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"

namespace pixell::par {

namespace {

constexpr const char* kVariable = "PAR_ENVIRONMENT_FILE";

Error unusable(const std::string& why) {
  return make_error(ErrorCode::InvalidArgument, fmt::format("{}: {}", kVariable, why));
}

}  // namespace

Result<void> add_environment_file(Environment& env) {
  const auto named = env.find(kVariable);
  if (named == env.end() || named->second.empty()) return {};
  const std::string path = named->second;
  if (path.front() != '/') return unusable(fmt::format("'{}' is not an absolute path", path));
  const auto text = read_file(path);
  if (!text) return unusable(text.error().message);
  const auto document = nlohmann::json::parse(*text, nullptr, false);
  if (!document.is_object()) return unusable(fmt::format("{} is no JSON object", path));
  for (const auto& [name, value] : document.items()) {
    if (name.empty() || name.find('=') != std::string::npos || !value.is_string())
      return unusable(fmt::format("{} may hold names and texts only", path));
    const bool is_fixed = (is_par_variable(name) || name == "PATH") && env.contains(name);
    if (!is_fixed) env[name] = value.get<std::string>();
  }
  return {};
}

}  // namespace pixell::par
