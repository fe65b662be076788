#include "edge/https_redirect.hpp"

#include <gtest/gtest.h>

#include "edge/limits.hpp"

namespace pixell::edge {
namespace {

std::string to(std::string authority, std::string target = "/x?y=1", std::uint16_t port = 443) {
  net::RequestHead head{.method = "GET", .target = std::move(target), .scheme = "http"};
  head.authority = std::move(authority);
  return https_address(head, port).value_or("none");
}

TEST(HttpsAddress, IsThatOfTheSameHostAndTarget) {
  EXPECT_EQ(to("a.test"), "https://a.test/x?y=1");
  EXPECT_EQ(to("a.test:8080"), "https://a.test/x?y=1");
  EXPECT_EQ(to("a.test:"), "https://a.test/x?y=1");
  EXPECT_EQ(to("127.0.0.1:80"), "https://127.0.0.1/x?y=1");
  EXPECT_EQ(to("[::1]:80"), "https://[::1]/x?y=1");
  EXPECT_EQ(to("a.test", "//b.test/"), "https://a.test//b.test/");
  EXPECT_EQ(to("a.test", "/.well-known/acme-challenge/t"),
            "https://a.test/.well-known/acme-challenge/t");
}

TEST(HttpsAddress, NamesThePortUnlessItIsTheUsualOne) {
  EXPECT_EQ(to("a.test:80", "/", 8443), "https://a.test:8443/");
  EXPECT_EQ(to("[::1]", "/", 8443), "https://[::1]:8443/");
}

TEST(HttpsAddress, IsNoneForAnythingButAHost) {
  for (const char* authority :
       {"", ":80", "a.test:80:80", "a.test:8x", "user@b.test", "a.test/b", "a b", "a.test#", "%41",
        "[::1", "[::1]b.test", "[]", "[b.test]", "a\\b.test", "a.test\r\nx: y"})
    EXPECT_EQ(to(authority), "none") << authority;
  EXPECT_EQ(to(std::string(kMaxHostBytes + 1, 'a')), "none");
  EXPECT_NE(to(std::string(kMaxHostBytes, 'a')), "none");
  EXPECT_EQ(to("a.test", "*"), "none");
}

}  // namespace
}  // namespace pixell::edge
