#include "cmd/par/package_commands.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "apkg/archive_writer.hpp"
#include "apkg/digest.hpp"
#include "cmd/par/package_check.hpp"
#include "cmd/par/package_report.hpp"
#include "cmd/par/package_routes.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;

constexpr int kHasErrors = 1;
constexpr int kNotLookedAt = 2;

struct Arguments {
  std::string command;
  std::string package;
  bool wants_json = false;
  std::string output;              // pack -o
  std::string base;                // routes --base-path
  std::vector<std::string> paths;  // routes
  std::vector<std::string> ignored;
  std::string error;
};

// The value of an option that is `--name value` or `--name=value`; moves `at` over it.
std::optional<std::string> option_value(const std::vector<std::string>& words, std::size_t& at,
                                        std::string_view name) {
  const std::string& word = words[at];
  if (name.starts_with("--") && word.starts_with(std::string(name) + "="))
    return word.substr(name.size() + 1);
  if (word != name || at + 1 >= words.size()) return std::nullopt;
  return words[++at];
}

Arguments read_arguments(const std::vector<std::string>& words) {
  Arguments read;
  if (!words.empty()) read.command = words.front();
  const bool is_pack = read.command == "pack";
  const bool is_routes = read.command == "routes";
  for (std::size_t at = 1; at < words.size(); ++at) {
    const std::string& word = words[at];
    if (word == "--json") {
      read.wants_json = true;
    } else if (is_pack && (word == "-o" || word.starts_with("--output"))) {
      auto value = option_value(words, at, word == "-o" ? "-o" : "--output");
      if (!value || value->empty()) read.error = "-o needs the path of a file";
      read.output = std::move(value).value_or("");
    } else if (is_routes && word.starts_with("--base-path")) {
      auto value = option_value(words, at, "--base-path");
      if (!value) read.error = "--base-path needs a path";
      read.base = std::move(value).value_or("");
    } else if (read.package.empty() && !word.empty() && !word.starts_with('-')) {
      read.package = word;
    } else if (is_routes && (word.starts_with('/') || word.find(" /") != std::string::npos)) {
      read.paths.push_back(word);
    } else {
      read.ignored.push_back(word);
    }
  }
  while (read.base.ends_with('/')) read.base.pop_back();
  if (!read.base.empty() && !read.base.starts_with('/')) read.base.insert(0, "/");
  constexpr std::string_view kKnown[] = {"validate", "inspect", "pack", "routes"};
  if (std::ranges::find(kKnown, read.command) == std::end(kKnown))
    read.error = "the first argument must be validate, inspect, pack or routes";
  else if (read.package.empty() && read.error.empty())
    read.error = fmt::format("`par {0}` needs {1}: par {0} <{1}>", read.command,
                             is_pack ? "directory" : "package.apkg|directory");
  return read;
}

// A directory of its own below TMPDIR, gone at the end.
class Scratch {
 public:
  Scratch() {
    std::error_code failed;
    std::string pattern = (fs::temp_directory_path(failed) / "par-package-XXXXXX").string();
    if (!failed && ::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~Scratch() {
    std::error_code ignored;  // what is left lies in a directory for temporary files
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string dumped(const nlohmann::json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// "My agent" 1.0 → "My-agent-1.0.apkg".
std::string default_output(const model::Manifest& manifest) {
  std::string name = manifest.name + "-" + manifest.version;
  for (char& c : name) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!is_plain) c = '-';
  }
  if (name.starts_with('.')) name.insert(0, "-");
  return name.substr(0, 200) + ".apkg";
}

CommandResult failed(const model::Failure& failure, int code) {
  CommandResult result{.exit_code = code};
  result.err = printable(fmt::format("par: {}\n", failure.message));
  for (const std::string& line : failure.evidence) result.err += printable("  | " + line) + "\n";
  if (!failure.remedy.empty()) result.err += printable("  " + failure.remedy) + "\n";
  return result;
}

CommandResult pack(const Arguments& arguments, const CheckedPackage& package) {
  if (!package.is_directory)
    return {kNotLookedAt, {}, fmt::format("par: {} is not a directory\n", package.path)};
  if (package.errors() > 0) {
    CommandResult refused{.exit_code = kHasErrors};
    (arguments.wants_json ? refused.out : refused.err) =
        arguments.wants_json ? dumped(validation_json(package)) : validation_text(package);
    return refused;
  }
  const fs::path output =
      arguments.output.empty() ? default_output(*package.manifest) : arguments.output;
  auto list = apkg::list_package_files(package.path, output);
  if (!list) return failed(list.error(), kNotLookedAt);
  if (const auto written = apkg::write_archive(package.path, *list, output); !written)
    return failed(written.error(), kNotLookedAt);
  const auto digest = apkg::sha256_of_file(output);
  std::error_code unknown;
  const auto bytes = fs::file_size(output, unknown);
  if (!digest || unknown)
    return {kNotLookedAt, {}, fmt::format("par: {} cannot be read back\n", output.string())};
  CommandResult done;
  if (arguments.wants_json)
    done.out = dumped({{"package", output.string()},
                       {"sha256", *digest},
                       {"packed_bytes", bytes},
                       {"files", list->files.size()},
                       {"warnings", package.warnings()}});
  else
    done.out = printable(fmt::format("{}\nsha256 {}\n{} files, {} bytes\n", output.string(),
                                     *digest, list->files.size(), bytes));
  if (package.warnings() > 0 && !arguments.wants_json) done.err = validation_text(package);
  return done;
}

CommandResult run(const Arguments& arguments) {
  const Scratch scratch;
  if (scratch.path().empty())
    return {kNotLookedAt, {}, "par: no directory can be made below TMPDIR\n"};
  const auto package = check_package(arguments.package, scratch.path());
  if (!package) return failed(package.error(), kNotLookedAt);
  const int code = package->errors() == 0 ? 0 : kHasErrors;
  if (arguments.command == "pack") return pack(arguments, *package);
  if (arguments.command == "validate")
    return {code,
            arguments.wants_json ? dumped(validation_json(*package)) : validation_text(*package),
            {}};
  // What can be told of a package with errors is told; without a manifest there is nothing.
  if (!package->manifest) return {kHasErrors, {}, validation_text(*package)};
  if (arguments.command == "inspect")
    return {0,
            arguments.wants_json ? dumped(inspection_json(*package)) : inspection_text(*package),
            {}};
  const auto routes = package_routes(*package->manifest, arguments.base, arguments.paths);
  return {0, arguments.wants_json ? dumped(routes_json(routes)) : routes_text(routes), {}};
}

}  // namespace

CommandResult run_package_command(const std::vector<std::string>& words) {
  const Arguments arguments = read_arguments(words);
  if (!arguments.error.empty())
    return {kNotLookedAt, {}, printable("par: " + arguments.error) + "\n"};
  CommandResult result = run(arguments);
  std::string notes;
  for (const std::string& word : arguments.ignored)
    notes += printable(fmt::format("par: unknown argument '{}' is ignored", word)) + "\n";
  result.err.insert(0, notes);
  return result;
}

}  // namespace pixell::cmd
