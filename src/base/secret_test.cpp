#include "base/secret.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace pixell {
namespace {

template <class T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};
template <class T>
concept Comparable = requires(const T& a, const T& b) {
  a == b;
};

TEST(Secret, GivesItsValueOnlyByName) {
  const Secret<std::string> secret("s3cr3t");

  EXPECT_EQ(secret.reveal(), "s3cr3t");
  EXPECT_FALSE(secret.empty());
  EXPECT_TRUE(Secret<std::string>().empty());
  static_assert(!Streamable<Secret<std::string>>);
  static_assert(!Comparable<Secret<std::string>>);
  static_assert(!std::is_convertible_v<Secret<std::string>, std::string>);
}

TEST(EqualInConstantTime, AgreesWithOrdinaryEquality) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
  EXPECT_FALSE(equal_in_constant_time("ab", "abc"));
  EXPECT_FALSE(equal_in_constant_time("", "a"));
  EXPECT_FALSE(equal_in_constant_time("a", std::string_view("a\0", 2)));
}

}  // namespace
}  // namespace pixell
