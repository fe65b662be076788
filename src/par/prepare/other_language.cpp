#include "par/prepare/other_language.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "par/prepare/executable.hpp"
#include "par/prepare/node_interpreter.hpp"
#include "par/prepare/node_modules.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;

namespace {

std::string variable(const OtherLanguage& given, const char* name) {
  const auto found = given.env.find(name);
  return found == given.env.end() ? std::string() : found->second;
}

Result<void> link(const fs::path& target, const fs::path& place) {
  std::error_code failed;
  fs::remove(place, failed);
  fs::create_directory_symlink(target, place, failed);
  if (failed) return errno_error("cannot link " + place.string(), failed.value());
  return {};
}

// Node.js looks for modules in the folders above a file: beside the unpacked package, which is
// ours, or beside a link to it when it is somebody's folder.
Result<fs::path> place_modules(const OtherLanguage& given, const fs::path& modules) {
  const fs::path& work = given.spec.work_dir;
  TRY_VOID(link(modules, work / "node_modules"));
  if (given.root.parent_path() == work) return given.root;
  TRY_VOID(link(given.root, work / "package"));
  return work / "package";
}

}  // namespace

apkg::Checked<void> prepare_node(const OtherLanguage& given, nlohmann::json& result) {
  const std::string& runtime = given.manifest.runtime;
  CHECKED_TRY(const NodeInterpreter node, find_node(runtime, given.spec.worker_uid, given.env));
  const VersionRange wanted = wanted_node(runtime);
  if (wanted.least.major != 0 && !wanted.is_range && node.major != wanted.least.major)
    given.log("A newer Node.js than the package asks for is used", "warning",
              {{"runtime", runtime}, {"version", node.version}});
  CHECKED_TRY(const auto modules,
              provide_node_modules({.node = node,
                                    .package_root = given.root,
                                    .store = given.spec.env_store,
                                    .cache = variable(given, "NPM_CACHE_DIR"),
                                    .registry = variable(given, "NPM_REGISTRY_URL"),
                                    .is_offline = given.spec.is_offline,
                                    .deadline = given.deadline,
                                    .env = given.env},
                                   given.events));
  result["interpreter"] = node.path;
  result["interpreter_version"] = node.version;
  result["module_root"] = given.root.string();
  if (!modules) return {};
  if (modules->was_there) given.log("Reusing installed dependencies", "info", {});
  const auto root = place_modules(given, modules->directory);
  if (!root)
    return apkg::refuse(model::Cause::Internal, "the dependencies cannot be put in place",
                        root.error());
  result["module_root"] = root->string();
  result["lock_file"] = modules->lock_file.string();
  return {};
}

apkg::Checked<void> prepare_executable(const OtherLanguage& given, nlohmann::json& result) {
  // A folder that is not ours stays as it is.
  const bool is_unpacked = given.root.parent_path() == given.spec.work_dir;
  CHECKED_TRY(const auto command, check_executable(given.root, given.manifest, is_unpacked));
  result["command"] = command;
  return {};
}

}  // namespace pixell::prepare
