#include "net/grpc_timeout.hpp"

#include <gtest/gtest.h>

#include "net/limits.hpp"

namespace pixell::net {
namespace {

TEST(GrpcTimeout, ReadsEveryUnit) {
  EXPECT_EQ(parse_grpc_timeout("2H"), Millis(7'200'000));
  EXPECT_EQ(parse_grpc_timeout("3M"), Millis(180'000));
  EXPECT_EQ(parse_grpc_timeout("5S"), Millis(5'000));
  EXPECT_EQ(parse_grpc_timeout("100m"), Millis(100));
  EXPECT_EQ(parse_grpc_timeout("1500u"), Millis(2));
  EXPECT_EQ(parse_grpc_timeout("1n"), Millis(1));
  EXPECT_EQ(parse_grpc_timeout("0m"), Millis(0));
}

TEST(GrpcTimeout, CutsWhatIsTooLong) {
  EXPECT_EQ(parse_grpc_timeout("99999999H"), kMaxGrpcDeadline);
}

TEST(GrpcTimeout, IsTheOtherOneWhenNoneIsGiven) {
  EXPECT_EQ(grpc_deadline("5S", Millis(7)), Millis(5'000));
  EXPECT_EQ(grpc_deadline(std::nullopt, Millis(7)), Millis(7));
  EXPECT_EQ(grpc_deadline("soon", Millis(7)), Millis(7));
}

TEST(GrpcTimeout, RefusesOtherText) {
  for (const char* text : {"", "5", "S", "-1S", "1.5S", "5s", "123456789S", " 1S"})
    EXPECT_EQ(parse_grpc_timeout(text), std::nullopt) << text;
}

}  // namespace
}  // namespace pixell::net
