#include "cmd/pac/find_program.hpp"

#include <unistd.h>

#include <filesystem>
#include <string_view>

namespace pixell::cmd {

namespace fs = std::filesystem;

std::optional<std::string> find_program(const std::string& name,
                                        const std::map<std::string, std::string>& env) {
  const auto path = env.find("PATH");
  std::string_view rest = path == env.end() ? std::string_view() : path->second;
  while (!rest.empty()) {
    const std::string_view directory = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), directory.size() + 1));
    if (!directory.starts_with('/')) continue;
    const fs::path program = fs::path(directory) / name;
    std::error_code failed;
    if (fs::is_regular_file(program, failed) && ::access(program.c_str(), X_OK) == 0)
      return program.string();
  }
  return std::nullopt;
}

}  // namespace pixell::cmd
