#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/clock.hpp"

namespace pixell::par {

/// Who answered a request.
enum class Surface : unsigned char { Builtin, Rest, A2a, Ui };
inline constexpr std::size_t kSurfaces = 4;
/// The word in metrics and spans: builtin, rest, a2a, ui.
std::string_view to_string(Surface surface);

/// Methods that are told apart; every other is "other", so that a client cannot make series.
inline constexpr std::array<std::string_view, 8> kMethods = {"GET",   "HEAD",   "POST",    "PUT",
                                                             "PATCH", "DELETE", "OPTIONS", "other"};
/// Classes of status codes; "none" when the exchange ended without an answer.
inline constexpr std::array<std::string_view, 6> kStatusClasses = {"none", "1xx", "2xx",
                                                                   "3xx",  "4xx", "5xx"};
/// Upper bounds of the duration histogram in microseconds.
inline constexpr std::array<std::int64_t, 15> kDurationBounds = {
    1'000,   2'500,     5'000,     10'000,    25'000,     50'000,     100'000,   250'000,
    500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000, 60'000'000};
/// grpc-status 0 to 16, and one for every other number.
inline constexpr std::size_t kGrpcCodes = 18;
/// OK, CANCELLED, …; "other" beyond 16.
std::string_view grpc_code_name(std::size_t code);

struct Histogram {
  std::array<std::uint64_t, kDurationBounds.size() + 1> buckets{};  ///< not cumulative
  std::uint64_t count = 0;
  std::uint64_t sum_us = 0;
};

/// How a request ended.
struct RequestEnd {
  Surface surface = Surface::Builtin;
  std::string_view method;
  int status = 0;                ///< 0 = no answer
  std::string_view grpc_status;  ///< empty = no gRPC
  Instant::duration took{};
};

/// What happened since the start. Plain integers: everything is counted on the loop's thread,
/// without locks and allocations.
class Metrics {
 public:
  void request_began() { ++in_flight_; }
  void request_ended(const RequestEnd& end);
  void worker_restarted() { ++worker_restarts_; }
  void span_dropped() { ++spans_dropped_; }
  void spans_sent(std::uint64_t count) { spans_sent_ += count; }
  void spans_failed(std::uint64_t count) { spans_failed_ += count; }

  std::int64_t in_flight() const { return in_flight_; }
  std::uint64_t requests(Surface surface, std::size_t method, std::size_t status_class) const {
    return requests_[static_cast<std::size_t>(surface)][method][status_class];
  }
  const Histogram& durations(Surface surface) const {
    return durations_[static_cast<std::size_t>(surface)];
  }
  std::uint64_t grpc_calls(std::size_t code) const { return grpc_calls_[code]; }
  std::uint64_t worker_restarts() const { return worker_restarts_; }
  std::uint64_t spans_sent() const { return spans_sent_; }
  std::uint64_t spans_failed() const { return spans_failed_; }
  std::uint64_t spans_dropped() const { return spans_dropped_; }

 private:
  std::int64_t in_flight_ = 0;
  std::uint64_t requests_[kSurfaces][kMethods.size()][kStatusClasses.size()] = {};
  std::array<Histogram, kSurfaces> durations_{};
  std::array<std::uint64_t, kGrpcCodes> grpc_calls_{};
  std::uint64_t worker_restarts_ = 0;
  std::uint64_t spans_sent_ = 0;
  std::uint64_t spans_failed_ = 0;
  std::uint64_t spans_dropped_ = 0;
};

}  // namespace pixell::par
