#include "apkg/manifest_missing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "apkg/entry_path.hpp"
#include "apkg/limits.hpp"

namespace pixell::apkg {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kManifest = "agent.yaml";
constexpr std::string_view kMessage = "Missing agent.yaml manifest";
constexpr std::size_t kShownNames = 10;

// Deep enough for the folder that was zipped with what is in it, and for one around that.
constexpr int kSearchDepth = 2;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

// "Agent.yaml", "agent.yml", and what an editor or a browser makes of it: "agent.yaml.txt".
bool is_much_like_it(std::string_view path) {
  const std::string name = lower(path);
  return name == kManifest || name == "agent.yml" || name.starts_with("agent.yaml.");
}

std::string what_the_root_has(const std::vector<std::string>& paths) {
  std::set<std::string> names;
  for (const std::string& path : paths) {
    const std::size_t slash = path.find('/');
    names.insert(slash == std::string::npos ? path : path.substr(0, slash + 1));
  }
  std::string text;
  std::size_t shown = 0;
  for (const std::string& name : names) {
    if (shown++ == kShownNames) return text + ", …";
    text += (text.empty() ? "" : ", ") + shown_name(name);
  }
  return text.empty() ? "nothing" : text;
}

}  // namespace

model::Failure manifest_missing(const std::vector<std::string>& paths) {
  const auto failure = [](std::string evidence, std::string remedy) {
    return model::make_failure(model::Cause::ManifestMissing, std::string(kMessage),
                               {std::move(evidence)}, std::move(remedy));
  };
  // The one that lies highest is the package's own.
  const std::string* nested = nullptr;
  for (const std::string& path : paths) {
    if (!path.contains('/') && is_much_like_it(path))
      return failure(fmt::format("the root has \"{}\"", shown_name(path)),
                     fmt::format("Rename \"{}\" to \"agent.yaml\".", shown_name(path)));
    if (!path.ends_with("/agent.yaml")) continue;
    const auto depth = std::ranges::count(path, '/');
    if (nested == nullptr || depth < std::ranges::count(*nested, '/')) nested = &path;
  }
  if (nested == nullptr) return failure("the root has: " + what_the_root_has(paths), {});
  const std::string folder = shown_name(nested->substr(0, nested->rfind('/')));
  return failure(fmt::format("it lies at \"{}\"", shown_name(*nested)),
                 fmt::format("Zip what is in the folder \"{}\", not the folder itself: agent.yaml "
                             "must be at the root of the package.",
                             folder));
}

std::vector<std::string> files_near_root(const fs::path& package_root) {
  std::vector<std::string> paths;
  std::error_code failed;
  for (fs::recursive_directory_iterator it(package_root, failed), end; !failed && it != end;
       it.increment(failed)) {
    if (paths.size() == kMaxManifestNeighbours) break;
    if (it.depth() >= kSearchDepth) it.disable_recursion_pending();
    if (it->is_regular_file(failed))
      paths.push_back(it->path().lexically_relative(package_root).generic_string());
  }
  std::ranges::sort(paths);
  return paths;
}

}  // namespace pixell::apkg
