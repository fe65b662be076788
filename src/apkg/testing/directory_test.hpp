#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "base/testing/temp_directory.hpp"

namespace pixell::apkg::testing {

/// A fixture with a directory of its own, removed afterwards.
class DirectoryTest : public ::testing::Test {
 protected:
  std::filesystem::path write(std::string_view name, std::string_view content) const {
    const std::filesystem::path path = root_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  static std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static unsigned mode_of(const std::filesystem::path& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
  }

  TempDirectory directory_;
  const std::filesystem::path& root_ = directory_.path();
};

}  // namespace pixell::apkg::testing
