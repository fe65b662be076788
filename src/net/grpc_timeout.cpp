#include "net/grpc_timeout.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "net/limits.hpp"

namespace pixell::net {

std::optional<Millis> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  std::int64_t count = 0;
  const char* const unit = text.data() + text.size() - 1;
  const auto [end, failed] = std::from_chars(text.data(), unit, count);
  if (failed != std::errc() || end != unit || count < 0) return std::nullopt;
  std::int64_t nanos = 0;
  switch (*unit) {
    case 'H':
      nanos = 3'600'000'000'000;
      break;
    case 'M':
      nanos = 60'000'000'000;
      break;
    case 'S':
      nanos = 1'000'000'000;
      break;
    case 'm':
      nanos = 1'000'000;
      break;
    case 'u':
      nanos = 1'000;
      break;
    case 'n':
      nanos = 1;
      break;
    default:
      return std::nullopt;
  }
  constexpr std::int64_t kNanosPerMilli = 1'000'000;
  if (count > kMaxGrpcDeadline.count() * kNanosPerMilli / nanos) return kMaxGrpcDeadline;
  return Millis((count * nanos + kNanosPerMilli - 1) / kNanosPerMilli);
}

Millis grpc_deadline(std::optional<std::string_view> timeout, Millis otherwise) {
  return timeout ? parse_grpc_timeout(*timeout).value_or(otherwise) : otherwise;
}

}  // namespace pixell::net
