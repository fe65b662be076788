#include "apkg/address_guard.hpp"

#include <gtest/gtest.h>

namespace pixell::apkg {
namespace {

TEST(AddressGuard, LetsPublicAddressesPass) {
  for (const char* address :
       {"1.1.1.1", "52.216.0.1", "172.15.255.255", "172.32.0.1", "100.63.0.1", "100.128.0.1",
        "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"})
    EXPECT_TRUE(is_public_address(address)) << address;
}

TEST(AddressGuard, RefusesEverythingElse) {
  for (const char* address : {"0.0.0.0",
                              "10.1.2.3",
                              "100.64.0.1",
                              "127.0.0.1",
                              "127.255.0.1",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.1.1",
                              "192.0.2.1",
                              "198.18.0.1",
                              "203.0.113.9",
                              "224.0.0.1",
                              "240.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "fe80::1",
                              "fe80::1%eth0",
                              "fc00::1",
                              "fd12::1",
                              "ff02::1",
                              "::ffff:127.0.0.1",
                              "::ffff:10.0.0.1",
                              "64:ff9b::169.254.169.254",
                              "2002:7f00:1::",
                              "2001:db8::1",
                              "2001::1",
                              "fec0::1",
                              "",
                              "example.com",
                              "0x7f.1",
                              "1.1.1"})
    EXPECT_FALSE(is_public_address(address)) << address;
}

TEST(AddressGuard, ComparesHostsWithoutRegardToCase) {
  EXPECT_TRUE(is_listed_host("Packages.Internal", {"a", "packages.internal"}));
  EXPECT_FALSE(is_listed_host("evil-packages.internal", {"packages.internal"}));
  EXPECT_FALSE(is_listed_host("packages.internal", {}));
}

}  // namespace
}  // namespace pixell::apkg
