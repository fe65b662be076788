#include "par/prepare/node_lock.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "par/prepare/program.hpp"

namespace pixell::prepare {

using model::Cause;
using nlohmann::json;

namespace {

constexpr std::string_view kModules = "node_modules/";

// "node_modules/@scope/name" of a lock's packages without what is before the name.
std::string name_in_lock(const std::string& path) {
  const std::size_t at = path.rfind(kModules);
  return at == std::string::npos ? path : path.substr(at + kModules.size());
}

// What an entry is that cannot be installed by its hash; null when it can be.
const char* hindrance(const json& entry) {
  const std::string resolved = entry.value("resolved", "");
  if (entry.value("link", false)) return "a link to a folder";
  if (resolved.starts_with("git")) return "a git repository";
  if (resolved.starts_with("file:")) return "a file of the package";
  return nullptr;
}

}  // namespace

apkg::Checked<std::vector<std::string>> lines_of_lock(const std::string& name,
                                                      const std::string& text) try {
  const json lock = json::parse(text, nullptr, false);
  if (!lock.is_object() || !lock.contains("packages") || !lock["packages"].is_object())
    return apkg::refuse(Cause::DependencyFailed,
                        lock.is_object() ? fmt::format("{} is of a format before npm 7", name)
                                         : fmt::format("{} is not a JSON object", name),
                        {name + " has no `packages`"},
                        "Run `npm install --lockfile-version 3` in the package's folder and put "
                        "the new lock into the package.");
  std::vector<std::string> lines;
  for (const auto& [path, entry] : lock["packages"].items()) {
    if (path.empty() || !entry.is_object() || entry.value("dev", false)) continue;
    if (const char* what = hindrance(entry))
      return apkg::refuse(Cause::DependencyFailed,
                          fmt::format("the dependency {} is {}, which cannot be installed",
                                      name_in_lock(path), what),
                          {path + ": " + without_credentials(entry.value("resolved", ""))},
                          "Publish it to a registry, or ship node_modules inside the package.");
    // What an archive bundles is covered by the archive's own hash.
    if (!path.starts_with(kModules) || entry.value("inBundle", false)) continue;
    const std::string integrity = entry.value("integrity", "");
    if (integrity.empty())
      return apkg::refuse(
          Cause::DependencyFailed,
          fmt::format("{} does not say which bytes {} has", name, name_in_lock(path)),
          {path + ": no integrity"},
          fmt::format("Remove node_modules and {}, run `npm install` in the package's folder and "
                      "put the new lock into the package.",
                      name));
    lines.push_back(
        fmt::format("{}@{} {}", name_in_lock(path), entry.value("version", ""), integrity));
  }
  return lines;
} catch (const json::exception& wrong) {
  return apkg::refuse(Cause::DependencyFailed, fmt::format("{} cannot be read", name),
                      {wrong.what()},
                      "Run `npm install` in the package's folder and put the new lock into the "
                      "package.");
}

}  // namespace pixell::prepare
