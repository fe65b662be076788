#pragma once

#include <string_view>

namespace pixell::apkg {

/// What a line of a requirements file is for.
enum class LineKind {
  Blank,        ///< nothing, or a comment
  Include,      ///< -r or -c: another such file
  Source,       ///< an index, or a place in the network with archives
  LinkFolder,   ///< --find-links: a local folder with archives
  LocalPath,    ///< a requirement that is a file or folder: ./x, -e ., x.whl, x @ file:…
  Option,       ///< any other option
  Requirement,  ///< a name, or a URL
};

/// A line, read.
struct RequirementKind {
  LineKind kind = LineKind::Blank;
  /// Include, LinkFolder and LocalPath: the path as written, without extras, markers and "file:".
  std::string_view path{};
};

/// Reads one line; its views are of `line`.
RequirementKind classify_requirement(std::string_view line);

}  // namespace pixell::apkg
