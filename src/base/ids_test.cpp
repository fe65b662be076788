#include "base/ids.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace pixell {
namespace {

TEST(Ulid, StartsWithTheTimeInCrockfordBase32) {
  // The example of the specification: 1469918176385 ms is 01ARYZ6S41.
  EXPECT_EQ(new_ulid(1469918176385).substr(0, 10), "01ARYZ6S41");
  EXPECT_EQ(new_ulid(0).substr(0, 10), "0000000000");
}

TEST(Ulid, HasTwentySixCharactersOfTheAlphabet) {
  const std::string id = new_ulid(1'700'000'000'000);

  EXPECT_EQ(id.size(), 26U);
  EXPECT_EQ(id.find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ"), std::string::npos);
  EXPECT_TRUE(is_ulid(id));
  EXPECT_FALSE(is_ulid(id.substr(1)));
  EXPECT_FALSE(is_ulid("u" + id.substr(1)));
}

TEST(Ulid, SortsByTime) { EXPECT_LT(new_ulid(1'700'000'000'000), new_ulid(1'700'000'000'001)); }

TEST(Ulid, DoesNotRepeatWithinOneMillisecond) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(new_ulid(1'700'000'000'000));

  EXPECT_EQ(seen.size(), 1000U);
}

TEST(UlidSource, MakesWhatNewUlidMakes) {
  UlidSource source;
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id(source.next(1469918176385 + i / 500));
    EXPECT_TRUE(is_ulid(id)) << id;
    EXPECT_EQ(id.substr(0, 10), i < 500 ? "01ARYZ6S41" : "01ARYZ6S42");
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(UlidInHex, HasTheTimeInItsFirst48Bits) {
  const auto hex = ulid_in_hex("01ARYZ6S4100000000000000ZZ");
  ASSERT_TRUE(hex);
  // 1469918176385 is 0x1563df36481; 'Z' is 31.
  EXPECT_EQ(std::string(hex->data(), hex->size()), "01563df36481000000000000000003ff");
}

TEST(UlidInHex, IsNothingForOtherText) {
  for (const char* text : {"", "01ARYZ6S4100000000000000Z", "81ARYZ6S4100000000000000ZZ",
                           "01aryz6s4100000000000000zz", "00000000000000000000000000"})
    EXPECT_FALSE(ulid_in_hex(text)) << text;
}

TEST(ShortId, HasEightCharactersWithoutLookAlikes) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = new_short_id();
    EXPECT_EQ(id.size(), 8U);
    EXPECT_EQ(id.find_first_not_of("abcdefghjkmnpqrstuvwxyz23456789"), std::string::npos) << id;
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 1000U);  // 31^8 values: a repetition here is a broken generator
}

}  // namespace
}  // namespace pixell
