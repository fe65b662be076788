#include "net/tls/ticket_keys.hpp"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.hpp"
#include "net/tls/limits.hpp"

namespace pixell::net::tls {
namespace {

TEST(TicketKeys, AreFoundByName) {
  FakeClock clock;
  TicketKeys keys(clock);
  const auto key = keys.current();

  const auto found = keys.find(key.name);

  ASSERT_TRUE(found);
  EXPECT_TRUE(found->is_current);
  EXPECT_EQ(found->key.cipher, key.cipher);
  EXPECT_FALSE(keys.find(std::array<unsigned char, 16>{}));
}

TEST(TicketKeys, DecryptForOneLifetimeMore) {
  FakeClock clock;
  TicketKeys keys(clock);
  const auto first = keys.current();

  clock.advance(kTicketKeyLifetime);
  EXPECT_NE(keys.current().name, first.name);
  const auto old = keys.find(first.name);
  ASSERT_TRUE(old);
  EXPECT_FALSE(old->is_current);

  clock.advance(kTicketKeyLifetime);
  EXPECT_FALSE(keys.find(first.name));
}

TEST(TicketKeys, AreForgottenAfterALongRest) {
  FakeClock clock;
  TicketKeys keys(clock);
  const auto first = keys.current();

  clock.advance(2 * kTicketKeyLifetime);

  EXPECT_FALSE(keys.find(first.name));
}

}  // namespace
}  // namespace pixell::net::tls
