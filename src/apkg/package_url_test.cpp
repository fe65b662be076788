#include <gtest/gtest.h>

#include "apkg/package_source.hpp"

namespace pixell::apkg {
namespace {

TEST(PackageUrl, TakesHttpsApart) {
  const auto url =
      validate_package_url("  HTTPS://Files.Example.com:8443/a/b.apkg?sig=secret#x \n");

  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->scheme, PackageUrl::Scheme::Https);
  EXPECT_EQ(url->host, "files.example.com");
  EXPECT_EQ(url->path, "/a/b.apkg?sig=secret");
  EXPECT_EQ(url->text, "https://files.example.com:8443/a/b.apkg?sig=secret");
  EXPECT_EQ(url->shown, "https://files.example.com:8443/a/b.apkg");
}

TEST(PackageUrl, TakesS3Apart) {
  const auto url = validate_package_url("s3://bucket/some/key.apkg");

  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, PackageUrl::Scheme::S3);
  EXPECT_EQ(url->host, "bucket");
  EXPECT_EQ(url->path, "some/key.apkg");
}

TEST(PackageUrl, KnowsNumericHosts) {
  EXPECT_EQ(validate_package_url("https://[::1]:1/x")->host, "::1");
  EXPECT_EQ(validate_package_url("https://127.0.0.1")->path, "/");
}

TEST(PackageUrl, RefusesEverythingElse) {
  for (const char* text : {"",
                           "  ",
                           "http://a/b",
                           "file:///etc/passwd",
                           "ftp://a/b",
                           "a/b",
                           "https://",
                           "https:///x",
                           "https://a b/c",
                           "https://a\\@b/c",
                           "https://user@host/x",
                           "https://u:p@host/x",
                           "https://host:0/x",
                           "https://host:70000/x",
                           "https://host:/x",
                           "https://ho%73t/x",
                           "https://[::1/x",
                           "https://[zz]/x",
                           "s3://",
                           "s3://bucket",
                           "s3://bucket/",
                           "s3:///key",
                           "https://a\x01/b"}) {
    const auto url = validate_package_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().cause, model::Cause::ConfigInvalid);
    EXPECT_NE(url.error().message.find("PACKAGE_URL"), std::string::npos);
  }
  EXPECT_FALSE(validate_package_url("https://h/" + std::string(kMaxUrlBytes, 'x')));
}

}  // namespace
}  // namespace pixell::apkg
