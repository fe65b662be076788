#include "aws/uri.hpp"

#include <gtest/gtest.h>

namespace pixell::aws {
namespace {

TEST(Uri, EncodesAllButTheUnreserved) {
  EXPECT_EQ(uri_encode("aZ09-_.~ /+=%\xc3\xa9"), "aZ09-_.~%20%2F%2B%3D%25%C3%A9");
  EXPECT_EQ(uri_encode("a/b c", true), "a/b%20c");
}

TEST(Uri, NormalizesPaths) {
  EXPECT_EQ(normalize_path(""), "/");
  EXPECT_EQ(normalize_path("/"), "/");
  EXPECT_EQ(normalize_path("//a//b"), "/a/b");
  EXPECT_EQ(normalize_path("/a/./b/../c/"), "/a/c/");
  EXPECT_EQ(normalize_path("/../../a"), "/a");
  EXPECT_EQ(normalize_path("/a/.."), "/");
  EXPECT_EQ(normalize_path("/a/.hidden"), "/a/.hidden");
}

TEST(Uri, SortsTheQueryAfterEncoding) {
  EXPECT_EQ(canonical_query({{"b", "2"}, {"a", "2"}, {"a", "1"}, {"\xc3\xa9", ""}}),
            "%C3%A9=&a=1&a=2&b=2");
}

TEST(Uri, ReadsEndpoints) {
  const auto plain = parse_endpoint("https://S3.Example.com/");
  const auto local = parse_endpoint("http://[::1]:5000/prefix/");

  ASSERT_TRUE(plain && local);
  EXPECT_EQ(plain->url(), "https://s3.example.com");
  EXPECT_EQ(local->url(), "http://[::1]:5000/prefix");
  EXPECT_EQ(local->authority(), "[::1]:5000");
  EXPECT_EQ(parse_endpoint("https://a:443")->authority(), "a");
  EXPECT_EQ(parse_endpoint("http://a:443")->authority(), "a:443");
}

TEST(Uri, RefusesEndpointsThatAreNone) {
  for (const char* text :
       {"", "s3.example.com", "ftp://a", "https://", "https://a:0", "https://a:x",
        "https://a:65536", "https://user@a", "https://a?b", "https://a#b", "https://a/%2e",
        "https://a/../b", "https://[::1", "https://[]", "https://a b", "https://[::1]x"}) {
    const auto endpoint = parse_endpoint(text);

    ASSERT_FALSE(endpoint) << text;
    EXPECT_EQ(endpoint.error().code, ErrorCode::InvalidArgument) << text;
  }
}

TEST(Uri, ReadsS3Urls) {
  const auto location = parse_s3_url("s3://pixell-agent-packages/a b/c//../%2F.apkg");

  ASSERT_TRUE(location);
  EXPECT_EQ(location->bucket, "pixell-agent-packages");
  EXPECT_EQ(location->key, "a b/c//../%2F.apkg");
}

TEST(Uri, RefusesS3UrlsThatAreNone) {
  for (const std::string& text :
       {std::string("https://a/b"), std::string("s3://bucket"), std::string("s3://bucket/"),
        std::string("s3:///key"), std::string("s3://ab/key"), std::string("s3://Bucket/key"),
        std::string("s3://-bucket/key"), std::string("s3://buc..ket/key"),
        "s3://bucket/" + std::string(1025, 'a'), "s3://" + std::string(64, 'a') + "/key"}) {
    const auto location = parse_s3_url(text);

    ASSERT_FALSE(location) << text;
    EXPECT_EQ(location.error().code, ErrorCode::InvalidArgument) << text;
  }
}

}  // namespace
}  // namespace pixell::aws
