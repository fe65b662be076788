#include "base/result.hpp"

#include <cerrno>
#include <cstring>

namespace pixell {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::Cancelled:
      return "cancelled";
    case ErrorCode::Unknown:
      return "unknown";
    case ErrorCode::InvalidArgument:
      return "invalid_argument";
    case ErrorCode::DeadlineExceeded:
      return "deadline_exceeded";
    case ErrorCode::NotFound:
      return "not_found";
    case ErrorCode::AlreadyExists:
      return "already_exists";
    case ErrorCode::PermissionDenied:
      return "permission_denied";
    case ErrorCode::ResourceExhausted:
      return "resource_exhausted";
    case ErrorCode::FailedPrecondition:
      return "failed_precondition";
    case ErrorCode::Aborted:
      return "aborted";
    case ErrorCode::OutOfRange:
      return "out_of_range";
    case ErrorCode::Unimplemented:
      return "unimplemented";
    case ErrorCode::Internal:
      return "internal";
    case ErrorCode::Unavailable:
      return "unavailable";
    case ErrorCode::DataLoss:
      return "data_loss";
    case ErrorCode::Unauthenticated:
      return "unauthenticated";
  }
  return "unknown";
}

Error make_error(ErrorCode code, std::string message) {
  return Error{.code = code, .message = std::move(message)};
}

namespace {

ErrorCode code_of_errno(int saved_errno) {
  switch (saved_errno) {
    case ENOENT:
    case ESRCH:
      return ErrorCode::NotFound;
    case EEXIST:
      return ErrorCode::AlreadyExists;
    case EACCES:
    case EPERM:
      return ErrorCode::PermissionDenied;
    case ENOSPC:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorCode::ResourceExhausted;
    case ETIMEDOUT:
      return ErrorCode::DeadlineExceeded;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
      return ErrorCode::Unavailable;
    default:
      return ErrorCode::Internal;
  }
}

}  // namespace

Error errno_error(std::string_view what, int saved_errno) {
  char text[128];
  // The GNU strerror_r may answer with a static string instead of filling the buffer.
  const char* reason = strerror_r(saved_errno, text, sizeof text);
  return Error{.code = code_of_errno(saved_errno), .message = std::string(what) + ": " + reason};
}

}  // namespace pixell
