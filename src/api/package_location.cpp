#include "api/package_location.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "apkg/package_source.hpp"
#include "base/percent.hpp"

namespace pixell::api {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kFile = "file://";

Error invalid(std::string message) {
  return make_error(ErrorCode::InvalidArgument, std::move(message));
}

bool is_below(const fs::path& file, const fs::path& directory) {
  const auto [end, ignored] =
      std::mismatch(directory.begin(), directory.end(), file.begin(), file.end());
  // A directory written with a final slash ends in an empty element.
  return end == directory.end() || (std::next(end) == directory.end() && end->empty());
}

Result<std::string> check_file(std::string_view url, const std::vector<fs::path>& allow_file_dirs) {
  std::string_view rest = url.substr(kFile.size());
  if (rest.starts_with("localhost/")) rest.remove_prefix(std::string_view("localhost").size());
  const auto decoded = percent_decode(rest);
  if (!decoded || !decoded->starts_with('/'))
    return invalid(fmt::format("packageUrl '{}' must be file:/// and an absolute path", url));
  // The real path: a link inside an allowed directory must not lead out of it.
  std::error_code failed;
  const fs::path real = fs::canonical(*decoded, failed);
  std::string allowed;
  for (const fs::path& directory : allow_file_dirs) {
    // A directory that cannot be looked up (a loop of links) has nothing below it.
    std::error_code lost;
    const fs::path root = fs::weakly_canonical(directory, lost);
    allowed += (allowed.empty() ? "" : ", ") + (lost ? directory : root).string();
    if (failed || lost || !is_below(real, root)) continue;
    if (!fs::is_regular_file(real, lost))
      return invalid(fmt::format("packageUrl '{}' is not a file", url));
    return std::string(kFile) + real.string();
  }
  // Whether a file outside exists is nobody's business: both cases get the same answer.
  return invalid(
      fmt::format("packageUrl '{}' names no file below an allowed directory ({}); copy the package "
                  "there, start "
                  "with --allow-file-dir, or upload it",
                  url, allowed.empty() ? "none" : allowed));
}

}  // namespace

Result<std::string> check_package_location(std::string_view url,
                                           const std::vector<fs::path>& allow_file_dirs) {
  if (url.starts_with(kFile)) return check_file(url, allow_file_dirs);
  if (!url.starts_with("https://") && !url.starts_with("s3://"))
    return invalid(fmt::format("packageUrl '{}' must start with https://, s3:// or file://",
                               url.substr(0, url.find('?')).substr(0, 200)));
  const auto parsed = apkg::validate_package_url(url);
  if (!parsed) return invalid("packageUrl: " + parsed.error().message);
  return parsed->text;
}

fs::path path_of_file_url(std::string_view url) { return fs::path(url.substr(kFile.size())); }

}  // namespace pixell::api
