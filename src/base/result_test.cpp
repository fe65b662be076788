#include "base/result.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>
#include <string>

#include "base/check.hpp"

namespace pixell {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return make_error(ErrorCode::InvalidArgument, "odd");
  return number / 2;
}

Result<int> quarter(int number) {
  TRY(const int first, half(number));
  TRY(const int second, half(first));
  return second;
}

Result<void> require_even(int number) {
  if (!half(number)) return make_error(ErrorCode::OutOfRange, "not even");
  return {};
}

Result<std::string> describe(int number) {
  TRY_VOID(require_even(number));
  return std::string("even");
}

TEST(Try, BindsValuesAndReturnsTheFirstError) {
  EXPECT_EQ(quarter(12).value(), 3);

  const auto failed = quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(failed.error().message, "odd");
  EXPECT_EQ(failed.error().retry, Retry::Never);
}

TEST(TryVoid, PassesOnSuccessAndTheErrorAcrossTypes) {
  EXPECT_EQ(describe(2).value(), "even");
  EXPECT_EQ(describe(3).error().code, ErrorCode::OutOfRange);
}

TEST(Try, MovesValuesThatCannotBeCopied) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
  const auto use = [&]() -> Result<int> {
    TRY(const std::unique_ptr<int> owned, make());
    return *owned;
  };

  EXPECT_EQ(use().value(), 7);
}

TEST(ErrorCodes, EachHasItsOwnLowerCaseName) {
  std::set<std::string_view> names;
  for (int code = 1; code <= 16; ++code) names.insert(to_string(static_cast<ErrorCode>(code)));

  EXPECT_EQ(names.size(), 16U);
  EXPECT_EQ(to_string(ErrorCode::NotFound), "not_found");
  EXPECT_EQ(to_string(static_cast<ErrorCode>(99)), "unknown");
}

TEST(ErrnoError, NamesTheReasonAndPicksACode) {
  const Error error = errno_error("cannot open x", ENOENT);
  EXPECT_EQ(error.code, ErrorCode::NotFound);
  EXPECT_EQ(error.message, "cannot open x: No such file or directory");

  EXPECT_EQ(errno_error("", EEXIST).code, ErrorCode::AlreadyExists);
  EXPECT_EQ(errno_error("", EACCES).code, ErrorCode::PermissionDenied);
  EXPECT_EQ(errno_error("", ENOSPC).code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(errno_error("", ETIMEDOUT).code, ErrorCode::DeadlineExceeded);
  EXPECT_EQ(errno_error("", ECONNREFUSED).code, ErrorCode::Unavailable);
  EXPECT_EQ(errno_error("", ESRCH).code, ErrorCode::NotFound);
  EXPECT_EQ(errno_error("", EIO).code, ErrorCode::Internal);
}

TEST(CheckDeathTest, AbortsWithConditionReasonAndPlace) {
  const auto broken = [] { CHECK(1 + 1 == 3, "arithmetic holds"); };

  EXPECT_DEATH(broken(), "CHECK failed: 1 \\+ 1 == 3 \\(arithmetic holds\\) at .*result_test.cpp");
}

}  // namespace
}  // namespace pixell
