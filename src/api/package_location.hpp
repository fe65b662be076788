#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pixell::api {

/// Checks where a package shall be imported from and returns the URL to record: https:// and s3://
/// as they are, file:// with its real path, which must be a file below one of `allow_file_dirs`.
/// The error is InvalidArgument and names the value, the rule and the remedy.
Result<std::string> check_package_location(
    std::string_view url, const std::vector<std::filesystem::path>& allow_file_dirs);

/// The path of a file:// URL that check_package_location() returned.
std::filesystem::path path_of_file_url(std::string_view url);

}  // namespace pixell::api
