#include "net/url.hpp"

#include <gtest/gtest.h>

namespace pixell::net {
namespace {

TEST(HostOf, IsWithoutPortAndBracketsInLowerCase) {
  EXPECT_EQ(host_of("Example.org:80"), "example.org");
  EXPECT_EQ(host_of("localhost"), "localhost");
  EXPECT_EQ(host_of("[::1]:4000"), "::1");
}

TEST(LoopbackHost, IsANameOfThisMachineOnly) {
  for (const char* host : {"localhost", "127.0.0.1", "127.1.2.3", "::1"})
    EXPECT_TRUE(is_loopback_host(host)) << host;
  for (const char* host : {"", "example.org", "127.0.0.1.example.org", "10.0.0.1", "::2"})
    EXPECT_FALSE(is_loopback_host(host)) << host;
}

TEST(QueryValues, AreDecodedAndInOrder) {
  const std::string_view query = "a=1&b=%2Fx%3Fy&a=2&c&a=";

  EXPECT_EQ(query_values(query, "a"), (std::vector<std::string>{"1", "2", ""}));
  EXPECT_EQ(query_values(query, "b"), std::vector<std::string>{"/x?y"});
  EXPECT_TRUE(query_values(query, "c").empty());
  EXPECT_TRUE(query_values(query, "absent").empty());
  EXPECT_TRUE(query_values("", "a").empty());
}

TEST(QueryValues, AreEmptyWhenTheirEscapesAreMalformed) {
  EXPECT_EQ(query_values("a=%zz&a=%2", "a"), (std::vector<std::string>{"", ""}));
}

}  // namespace
}  // namespace pixell::net
