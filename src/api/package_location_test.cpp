#include "api/package_location.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/temp_directory.hpp"

namespace pixell::api {
namespace {

namespace fs = std::filesystem;

class PackageLocation : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(root_ / "allowed/deep");
    fs::create_directories(root_ / "allowed-not");
    for (const char* file : {"allowed/a.apkg", "allowed/deep/b b.apkg", "allowed-not/c.apkg"})
      std::ofstream(root_ / file) << "x";
    fs::create_symlink(root_ / "allowed-not/c.apkg", root_ / "allowed/link.apkg");
  }
  Result<std::string> check(const std::string& path) {
    return check_package_location("file://" + path, {root_ / "allowed/"});
  }
  TempDirectory root_;
};

TEST_F(PackageLocation, AcceptsFilesBelowAnAllowedDirectory) {
  EXPECT_TRUE(check((root_ / "allowed/a.apkg").string()));
  const auto deep = check(root_.path().string() + "/allowed/deep/b%20b.apkg");
  ASSERT_TRUE(deep) << deep.error().message;
  EXPECT_EQ(path_of_file_url(*deep), root_ / "allowed/deep/b b.apkg");
}

TEST_F(PackageLocation, RefusesWhatLeadsOutOfIt) {
  for (const char* path :
       {"/allowed-not/c.apkg", "/allowed/../allowed-not/c.apkg", "/allowed/link.apkg",
        "/allowed/%2e%2e/allowed-not/c.apkg", "/allowed", "/allowed/absent.apkg"})
    EXPECT_FALSE(check(root_.path().string() + path)) << path;
  EXPECT_FALSE(check_package_location("file://host/etc/passwd", {"/"}));
}

TEST_F(PackageLocation, GoesOnBehindAnAllowedDirectoryThatCannotBeLookedUp) {
  fs::create_symlink(root_ / "loop", root_ / "loop");
  const std::string url = "file://" + (root_ / "allowed/a.apkg").string();

  EXPECT_TRUE(check_package_location(url, {root_ / "loop/x", root_ / "allowed"}));
  EXPECT_FALSE(check_package_location(url, {root_ / "loop/x"}));
}

TEST_F(PackageLocation, TakesS3AndHttpsAndNotHttp) {
  EXPECT_EQ(*check_package_location("s3://bucket/key.apkg", {}), "s3://bucket/key.apkg");
  const auto bad = check_package_location("s3://Bucket/key.apkg", {});
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("no bucket that S3 allows"), std::string::npos);
  EXPECT_FALSE(check_package_location("http://host/a.apkg", {}));
  EXPECT_TRUE(check_package_location("https://host/a.apkg", {}));
}

}  // namespace
}  // namespace pixell::api
