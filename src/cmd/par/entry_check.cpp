#include "cmd/par/entry_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "apkg/requirement_line.hpp"
#include "base/files.hpp"
#include "model/language.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;
using model::Cause;

constexpr std::array<std::string_view, 3> kScripts = {".js", ".mjs", ".cjs"};

struct Entry {
  std::string key;      // "rest.entry"
  std::string surface;  // "rest"
  std::string value;    // "src.api:mount"

  std::string module() const { return value.substr(0, value.find(':')); }
  std::string function() const {
    const auto colon = value.find(':');
    return colon == std::string::npos ? std::string() : value.substr(colon + 1);
  }
};

std::vector<Entry> entries_of(const model::Manifest& manifest) {
  std::vector<Entry> entries;
  const auto add = [&entries](const char* key, const char* surface, const std::string& value) {
    if (!value.empty()) entries.push_back({key, surface, value});
  };
  if (manifest.rest) add("rest.entry", "rest", manifest.rest->entry);
  if (manifest.a2a) {
    add("a2a.service", "a2a", manifest.a2a->entry);
    add("a2a.http_server", "a2a", manifest.a2a->http_server);
  }
  add("http_server", "http_server", manifest.http_server);
  add("entrypoint", "entrypoint", manifest.entrypoint);
  return entries;
}

bool is_file(const fs::path& path) {
  std::error_code failed;
  return fs::is_regular_file(path, failed);
}

std::string dots_to_slashes(std::string_view module) {
  std::string path(module);
  std::ranges::replace(path, '.', '/');
  return path;
}

// A compiled module carries the interpreter in its name: native.cpython-311-x86_64-linux-gnu.so.
std::optional<fs::path> extension_module(const fs::path& base) {
  const std::string stem = base.filename().string() + ".";
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(base.parent_path(), failed)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(stem) && (name.ends_with(".so") || name.ends_with(".pyc")))
      return entry.path();
  }
  return std::nullopt;
}

std::optional<fs::path> python_file_at(const fs::path& base) {
  std::error_code failed;
  if (is_file(base / "__init__.py")) return base / "__init__.py";
  if (fs::path file = base.string() + ".py"; is_file(file)) return file;
  if (auto file = extension_module(base)) return file;
  if (fs::is_directory(base, failed)) return base;
  return std::nullopt;
}

bool is_identifier(std::string_view name) {
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || static_cast<unsigned char>(c) >= 0x80;
         });
}

// True when the word stands somewhere in the text, or names may come from elsewhere.
bool may_define(const std::string& text, std::string_view name) {
  if (text.find("import *") != std::string::npos || text.find("__getattr__") != std::string::npos)
    return true;
  const auto is_part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const bool begins = at == 0 || !is_part(text[at - 1]);
    const bool ends = at + name.size() == text.size() || !is_part(text[at + name.size()]);
    if (begins && ends) return true;
  }
  return false;
}

class Checker {
 public:
  Checker(const EntryContext& context, const model::Manifest& manifest)
      : context_(context), manifest_(manifest), language_(model::language_of(manifest)) {}

  std::vector<Finding> run() {
    if (language_ == model::Language::Executable) return {};
    for (const Entry& entry : entries_of(manifest_)) check(entry);
    return std::move(findings_);
  }

 private:
  std::optional<fs::path> file_of(const Entry& entry) const {
    return language_ == model::Language::Node
               ? node_module_file(context_.root, entry.module(), entry.surface)
               : python_module_file(context_.root, entry.module(), entry.surface);
  }

  void check(const Entry& entry) {
    if (const auto file = file_of(entry)) return check_function(entry, *file);
    // A bare name may also be a function in the module of the entrypoint.
    const bool is_bare = entry.key == "rest.entry" && entry.function().empty();
    if (is_bare && !manifest_.entrypoint.empty()) {
      const Entry other{
          "rest.entry", "rest",
          manifest_.entrypoint.substr(0, manifest_.entrypoint.find(':')) + ":" + entry.value};
      if (const auto file = file_of(other)) return check_function(other, *file, entry.value);
    }
    const std::string module = entry.module();
    const std::string top = apkg::normal_project(module.substr(0, module.find('.')));
    const bool may_be_installed =
        language_ == model::Language::Python &&
        (context_.installs_itself ||
         std::ranges::find(context_.projects, top) != context_.projects.end());
    // The entrypoint of a Python agent is loaded by the first call of it, not at the start.
    const bool is_late = entry.key == "entrypoint" && language_ == model::Language::Python;
    findings_.push_back(
        {may_be_installed || is_late ? Finding::Severity::Warning : Finding::Severity::Error,
         place_of_value(context_.manifest_text, entry.value),
         model::make_failure(
             Cause::MissingModule,
             fmt::format("{} names the module '{}', which is no file of the package{}", entry.key,
                         module, may_be_installed ? "; it must come from a dependency" : ""),
             {fmt::format("{}: {}", entry.key, entry.value)},
             "Put the module into the package, or correct its name in agent.yaml.")});
  }

  // `value` is what stands in agent.yaml, when that is not the entry.
  void check_function(const Entry& entry, const fs::path& file, std::string value = {}) {
    if (language_ != model::Language::Python || file.extension() != ".py") return;
    std::string function = entry.function();
    function = function.substr(0, function.find('.'));
    const auto text = read_file(file);
    if (function.empty() || !text || may_define(*text, function)) return;
    if (value.empty()) value = entry.value;
    findings_.push_back(
        {Finding::Severity::Warning, place_of_value(context_.manifest_text, value),
         model::make_failure(Cause::HandlerMissing,
                             fmt::format("{} names '{}', which {} does not mention", entry.key,
                                         function, file.lexically_relative(context_.root).string()),
                             {fmt::format("{}: {}", entry.key, value)})});
  }

  const EntryContext& context_;
  const model::Manifest& manifest_;
  model::Language language_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> check_entries(const EntryContext& context, const model::Manifest& manifest) {
  return Checker(context, manifest).run();
}

std::optional<fs::path> python_module_file(const fs::path& root, std::string_view module,
                                           std::string_view surface) {
  if (module.find('/') != module.npos) return std::nullopt;
  if (auto file = python_file_at(root / dots_to_slashes(module))) return file;
  const std::string_view name = module.substr(module.rfind('.') + 1);
  const std::string_view top = module.substr(0, module.find('.'));
  // The copy counts only when the module's own folder is not there.
  if (!is_identifier(name) || python_file_at(root / top)) return std::nullopt;
  for (const std::string& folder : {std::string(), fmt::format("dist/{}", surface)})
    if (fs::path copy = root / folder / fmt::format("{}.py", name); is_file(copy)) return copy;
  return std::nullopt;
}

std::optional<fs::path> node_module_file(const fs::path& root, std::string_view module,
                                         std::string_view surface) {
  const bool is_script = model::is_javascript_file(module);
  const std::string dotted = dots_to_slashes(module);
  const std::string last = fs::path(is_script ? std::string(module) : dotted).filename().string();
  for (const std::string& name :
       {std::string(module), dotted, last, fmt::format("dist/{}/{}", surface, last)}) {
    const fs::path base = (root / name).lexically_normal();
    const fs::path inside = base.lexically_relative(root.lexically_normal());
    if (inside.empty() || *inside.begin() == "..") continue;
    if (model::is_javascript_file(name) && is_file(base)) return base;
    for (const std::string_view ending : kScripts) {
      if (fs::path file = base.string() + std::string(ending); is_file(file)) return file;
      if (fs::path file = base / ("index" + std::string(ending)); is_file(file)) return file;
    }
  }
  return std::nullopt;
}

std::string place_of_value(std::string_view manifest_text, std::string_view value) {
  std::size_t number = 0;
  for (std::size_t start = 0; !value.empty() && start < manifest_text.size();) {
    const std::size_t end = std::min(manifest_text.find('\n', start), manifest_text.size());
    const std::string_view line = manifest_text.substr(start, end - start);
    start = end + 1;
    ++number;
    const std::size_t begin = line.find_first_not_of(" \t");
    const std::size_t colon = line.find(':');
    if (begin == line.npos || line[begin] == '#' || colon == line.npos) continue;
    // Quotes around it do not matter; the value must end where the text ends.
    const std::size_t at = line.find(value, colon + 1);
    if (at == line.npos) continue;
    const std::size_t after = at + value.size();
    constexpr std::string_view kEnds = " \t\r\"',}#";
    if (after == line.size() || kEnds.find(line[after]) != kEnds.npos)
      return fmt::format("agent.yaml:{}:{}", number, at + 1);
  }
  return "agent.yaml";
}

}  // namespace pixell::cmd
