#include "par/prepare/declared_hashes.hpp"

#include <map>
#include <string_view>

#include "apkg/requirement_line.hpp"
#include "par/prepare/installer.hpp"

namespace pixell::prepare {

namespace {

constexpr std::string_view kHash = " --hash=";

// By normalised project: " --hash=sha256:… --hash=sha256:…".
std::map<std::string, std::string> declared_hashes(const apkg::Requirements& requirements) {
  std::map<std::string, std::string> declared;
  for (const apkg::RequirementsFile& file : requirements.files)
    for (const std::string& line : lock_lines(file.text)) {
      const std::size_t at = line.find(kHash);
      if (at == std::string::npos) continue;
      const auto requirement = apkg::read_requirement(line.substr(0, line.find(" #")));
      if (!requirement || requirement->project.empty()) continue;
      std::string hashes = line.substr(at, line.find(" #", at) - at);
      while (hashes.ends_with(' ')) hashes.pop_back();
      declared[requirement->project] += hashes;
    }
  return declared;
}

}  // namespace

std::string with_declared_hashes(const std::string& lock, const apkg::Requirements& requirements) {
  const auto declared = declared_hashes(requirements);
  if (declared.empty()) return lock;
  std::string text;
  for (const std::string& line : lock_lines(lock)) {
    const auto found =
        declared.find(apkg::normal_project(line.substr(0, line.find_first_of("=@ ["))));
    text += found == declared.end() ? line : line.substr(0, line.find(kHash)) + found->second;
    text += '\n';
  }
  return text;
}

}  // namespace pixell::prepare
