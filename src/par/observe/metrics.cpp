#include "par/observe/metrics.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace pixell::par {

namespace {

std::size_t method_index(std::string_view method) {
  const auto found = std::ranges::find(kMethods, method);
  const auto index = static_cast<std::size_t>(found - kMethods.begin());
  return std::min(index, kMethods.size() - 1);
}

std::size_t class_index(int status) {
  const int first = status / 100;
  return first >= 1 && first <= 5 ? static_cast<std::size_t>(first) : 0;
}

std::size_t grpc_index(std::string_view status) {
  std::size_t code = kGrpcCodes;
  std::from_chars(status.data(), status.data() + status.size(), code);
  return std::min(code, kGrpcCodes - 1);
}

}  // namespace

std::string_view to_string(Surface surface) {
  constexpr std::array<std::string_view, kSurfaces> kNames = {"builtin", "rest", "a2a", "ui"};
  return kNames[static_cast<std::size_t>(surface)];
}

std::string_view grpc_code_name(std::size_t code) {
  constexpr std::array<std::string_view, kGrpcCodes> kNames = {"OK",
                                                               "CANCELLED",
                                                               "UNKNOWN",
                                                               "INVALID_ARGUMENT",
                                                               "DEADLINE_EXCEEDED",
                                                               "NOT_FOUND",
                                                               "ALREADY_EXISTS",
                                                               "PERMISSION_DENIED",
                                                               "RESOURCE_EXHAUSTED",
                                                               "FAILED_PRECONDITION",
                                                               "ABORTED",
                                                               "OUT_OF_RANGE",
                                                               "UNIMPLEMENTED",
                                                               "INTERNAL",
                                                               "UNAVAILABLE",
                                                               "DATA_LOSS",
                                                               "UNAUTHENTICATED",
                                                               "other"};
  return kNames[std::min(code, kGrpcCodes - 1)];
}

void Metrics::request_ended(const RequestEnd& end) {
  --in_flight_;
  const auto surface = static_cast<std::size_t>(end.surface);
  ++requests_[surface][method_index(end.method)][class_index(end.status)];
  if (!end.grpc_status.empty()) ++grpc_calls_[grpc_index(end.grpc_status)];
  const std::int64_t micros = std::max<std::int64_t>(
      0, std::chrono::duration_cast<std::chrono::microseconds>(end.took).count());
  Histogram& histogram = durations_[surface];
  const auto bucket = std::ranges::find_if(
      kDurationBounds, [micros](std::int64_t bound) { return micros <= bound; });
  ++histogram.buckets[static_cast<std::size_t>(bucket - kDurationBounds.begin())];
  ++histogram.count;
  histogram.sum_us += static_cast<std::uint64_t>(micros);
}

}  // namespace pixell::par
