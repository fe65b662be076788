#include "apkg/requirements_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "apkg/requirement_line.hpp"

namespace pixell::apkg {

namespace {

// As pip does: a '#' begins a comment at the start of a line or behind a blank.
std::string without_comment(std::string_view line) {
  for (std::size_t at = line.find('#'); at != line.npos; at = line.find('#', at + 1))
    if (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t') line = line.substr(0, at);
  while (!line.empty() && std::string_view(" \t\r").find(line.back()) != std::string_view::npos)
    line.remove_suffix(1);
  const std::size_t begin = line.find_first_not_of(" \t\xEF\xBB\xBF");
  return begin == line.npos ? std::string() : std::string(line.substr(begin));
}

class Checker {
 public:
  explicit Checker(std::vector<std::string>& projects) : projects_(projects) {}

  void check(const std::string& where, std::string_view requirement) {
    const auto read = read_requirement(requirement);
    if (read) {
      if (!read->project.empty()) projects_.push_back(read->project);
      return;
    }
    findings_.push_back(
        {where, model::make_failure(
                    model::Cause::DependencyFailed,
                    fmt::format("the requirement '{}' cannot be read: {}", requirement,
                                read.error().message),
                    {}, "Write it as `project`, `project==1.2` or `project @ https://…`.")});
  }

  // Lines that end in a backslash go on in the next one.
  void check_file(const RequirementsFile& file) {
    std::string logical;
    std::size_t number = 0, first = 0;
    for (std::size_t start = 0; start < file.text.size();) {
      const std::size_t end = std::min(file.text.find('\n', start), file.text.size());
      std::string line = without_comment(std::string_view(file.text).substr(start, end - start));
      start = end + 1;
      ++number;
      if (logical.empty()) first = number;
      const bool goes_on = line.ends_with('\\') && start < file.text.size();
      if (line.ends_with('\\')) line.pop_back();
      logical += line;
      if (goes_on) continue;
      if (!logical.empty()) check(fmt::format("{}:{}", file.path, first), logical);
      logical.clear();
    }
  }

  std::vector<UnreadableRequirement> findings() && { return std::move(findings_); }

 private:
  std::vector<std::string>& projects_;
  std::vector<UnreadableRequirement> findings_;
};

}  // namespace

std::vector<UnreadableRequirement> check_requirements(const Requirements& requirements,
                                                      std::vector<std::string>& projects) {
  Checker checker(projects);
  for (const RequirementsFile& file : requirements.files) checker.check_file(file);
  const char* const declared_in = requirements.has_pyproject ? "pyproject.toml" : "setup.py";
  for (const std::string& requirement : requirements.declared)
    checker.check(declared_in, requirement);
  return std::move(checker).findings();
}

}  // namespace pixell::apkg
