#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pixell::apkg {

/// What a package made of a directory leaves out: what no agent needs (version control, virtual
/// environments, caches, node_modules, other packages) and what the file .apkgignore names. One
/// pattern (fnmatch) per line; '#' begins a comment, '/' at the end means directories only; a
/// pattern with another '/' is compared with the path from the root, one without with every name.
class PackIgnore {
 public:
  /// Only what is always left out.
  PackIgnore() = default;

  /// Reads .apkgignore of a directory, if it has one. ResourceExhausted: too long, or too many
  /// patterns.
  static Result<PackIgnore> read(const std::filesystem::path& root);

  /// The same from the text of the file. Pure.
  static Result<PackIgnore> parse(std::string_view text);

  /// Whether an entry, and all below it, is left out. `path` is relative to the root. Pure.
  bool ignores(const std::string& path, bool is_directory) const;

 private:
  struct Pattern {
    std::string text;
    bool is_for_directories = false;
    bool is_from_root = false;
  };
  std::vector<Pattern> patterns_;
};

}  // namespace pixell::apkg
