#include "edge/trusted_proxies.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pixell::edge {
namespace {

TrustedProxies of(std::vector<std::string> entries) {
  auto proxies = TrustedProxies::parse(entries);
  EXPECT_TRUE(proxies) << proxies.error().message;
  return std::move(*proxies);
}

TEST(TrustedProxies, TrustsNobodyByDefault) {
  EXPECT_TRUE(of({}).empty());
  for (const char* peer : {"127.0.0.1:1", "[::1]:1", "unix"}) EXPECT_FALSE(of({}).contains(peer));
}

TEST(TrustedProxies, KnowsNetworksOfIpv4) {
  const TrustedProxies proxies = of({"10.0.0.0/8", "192.168.1.64/27", "8.8.8.8"});

  for (const char* peer : {"10.0.0.1:80", "10.255.255.255:65535", "192.168.1.95:1", "8.8.8.8:1",
                           "[::ffff:10.1.2.3]:80"})
    EXPECT_TRUE(proxies.contains(peer)) << peer;
  for (const char* peer : {"11.0.0.1:80", "192.168.1.96:1", "192.168.1.63:1", "8.8.8.9:1",
                           "[::10.0.0.1]:1", "[::1]:1", "unix", "nonsense", ""})
    EXPECT_FALSE(proxies.contains(peer)) << peer;
}

TEST(TrustedProxies, KnowsNetworksOfIpv6) {
  const TrustedProxies proxies = of({"2001:db8::/33", "::1"});

  for (const char* peer : {"[2001:db8::1]:80", "[2001:db8:7fff::]:1", "[::1]:5"})
    EXPECT_TRUE(proxies.contains(peer)) << peer;
  for (const char* peer : {"[2001:db8:8000::]:80", "[2001:db9::1]:80", "[::2]:5", "0.0.0.1:5"})
    EXPECT_FALSE(proxies.contains(peer)) << peer;
}

TEST(TrustedProxies, KnowsEverybodyAndUnix) {
  EXPECT_TRUE(of({"0.0.0.0/0"}).contains("1.2.3.4:5"));
  EXPECT_FALSE(of({"0.0.0.0/0"}).contains("[2001:db8::1]:5"));
  EXPECT_TRUE(of({"::/0"}).contains("[2001:db8::1]:5"));
  EXPECT_TRUE(of({"unix"}).contains("unix"));
  EXPECT_FALSE(of({"unix"}).contains("127.0.0.1:5"));
}

TEST(TrustedProxies, RefusesWhatIsNoNetwork) {
  for (const char* entry : {"", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0/8", "::/129",
                            "proxy.example.com", "10.0.0.0/8x", "10.0.0.1:80", "unix:/x"}) {
    const auto proxies = TrustedProxies::parse(std::vector<std::string>{entry});
    ASSERT_FALSE(proxies) << entry;
    EXPECT_EQ(proxies.error().code, ErrorCode::InvalidArgument);
    EXPECT_NE(proxies.error().message.find(std::string("'") + entry + "'"), std::string::npos);
  }
}

TEST(PeerHost, HasNeitherPortNorBrackets) {
  EXPECT_EQ(peer_host("127.0.0.1:5123"), "127.0.0.1");
  EXPECT_EQ(peer_host("[2001:db8::1]:80"), "2001:db8::1");
  EXPECT_EQ(peer_host("[::ffff:10.0.0.1]:80"), "10.0.0.1");
  EXPECT_EQ(peer_host("unix"), "unix");
}

}  // namespace
}  // namespace pixell::edge
