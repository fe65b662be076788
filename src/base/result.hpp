#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace pixell {

/// What went wrong, as the canonical gRPC codes name it (we speak HTTP and gRPC).
/// Source: https://grpc.io/docs/guides/status-codes/
enum class ErrorCode {
  Cancelled = 1,
  Unknown = 2,
  InvalidArgument = 3,
  DeadlineExceeded = 4,
  NotFound = 5,
  AlreadyExists = 6,
  PermissionDenied = 7,
  ResourceExhausted = 8,
  FailedPrecondition = 9,
  Aborted = 10,
  OutOfRange = 11,
  Unimplemented = 12,
  Internal = 13,
  Unavailable = 14,
  DataLoss = 15,
  Unauthenticated = 16,
};

/// The lower-case name of a code, as logs and problem details print it ("not_found").
std::string_view to_string(ErrorCode code);

/// Whether trying the same call again can help; set by whoever knows.
enum class Retry { Never, Later };

/// A failure as a value. `message` may be shown to a caller; `detail` is for the log only.
struct Error {
  ErrorCode code = ErrorCode::Unknown;
  std::string message;
  std::string detail{};
  Retry retry = Retry::Never;
};

/// Builds an Error from a code and a message.
Error make_error(ErrorCode code, std::string message);

/// Builds an Error for a failed system call: `what` plus the text of `saved_errno`.
Error errno_error(std::string_view what, int saved_errno);

/// A value of T or an Error. Unlike plain std::expected it may not be ignored.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  Result(Error error) : std::expected<T, Error>(std::unexpected(std::move(error))) {}  // NOLINT
};

template <>
class [[nodiscard]] Result<void> : public std::expected<void, Error> {
 public:
  using std::expected<void, Error>::expected;
  Result(Error error) : std::expected<void, Error>(std::unexpected(std::move(error))) {}  // NOLINT
};

#define PIXELL_CONCAT_(a, b) a##b
#define PIXELL_CONCAT(a, b) PIXELL_CONCAT_(a, b)

/// TRY(auto value, expression): binds the value or returns the error to the caller.
#define TRY(lhs, expr) TRY_(PIXELL_CONCAT(try_result_, __LINE__), lhs, expr)
#define TRY_(tmp, lhs, expr)               \
  auto tmp = (expr);                       \
  if (!tmp) return std::move(tmp).error(); \
  lhs = std::move(*tmp)

/// TRY_VOID(expression): returns the error of a Result<void> to the caller.
#define TRY_VOID(expr)                                   \
  do {                                                   \
    if (auto try_void_result = (expr); !try_void_result) \
      return std::move(try_void_result).error();         \
  } while (false)

}  // namespace pixell
