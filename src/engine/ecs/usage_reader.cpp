#include "engine/ecs/usage_reader.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "engine/ecs/limits.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::engine::ecs {

namespace {

constexpr std::string_view kCpuSeconds = "pixell_process_cpu_seconds_total";
constexpr std::string_view kMemoryBytes = "pixell_process_resident_memory_bytes";
constexpr std::string_view kThreads = "pixell_process_threads";
constexpr int kHttpOk = 200;

Error later(std::string message) {
  return Error{
      .code = ErrorCode::Unavailable, .message = std::move(message), .retry = Retry::Later};
}

/// The samples of a family, added up.
struct Sum {
  double value = 0;
  bool is_told = false;
};

// `name{process="…"} value`, a line for each process.
Result<Sum> sum_of(std::string_view page, std::string_view family) {
  Sum sum;
  for (std::size_t at = 0; at < page.size();) {
    const std::size_t end = std::min(page.find('\n', at), page.size());
    const std::string_view line = page.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(family) || line.substr(family.size(), 1) != "{") continue;
    const std::string text(line.substr(line.rfind(' ') + 1));
    char* rest = nullptr;
    const double value = std::strtod(text.c_str(), &rest);
    if (text.empty() || *rest != '\0' || !std::isfinite(value) || value < 0)
      return make_error(ErrorCode::DataLoss,
                        fmt::format("{} is not told as a number of it", family));
    sum.value += value;
    sum.is_told = true;
  }
  if (sum.is_told) return sum;
  return make_error(ErrorCode::DataLoss, fmt::format("the page does not tell {}", family));
}

std::int64_t whole(double value) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  return value < double(kMost) ? std::int64_t(value) : kMost;
}

}  // namespace

Result<model::InstanceUsage> usage_of_page(std::string_view page) {
  TRY(const Sum cpu, sum_of(page, kCpuSeconds));
  TRY(const Sum memory, sum_of(page, kMemoryBytes));
  TRY(const Sum threads, sum_of(page, kThreads));
  return model::InstanceUsage{.cpu_seconds = cpu.value,
                              .memory_bytes = whole(memory.value),
                              .threads = whole(threads.value)};
}

bool UsageReader::wait_for_turn() {
  std::unique_lock lock(mutex_);
  if (!ended_.wait_for(lock, kUsageTimeout, [this] { return running_ < kUsageReads; }))
    return false;
  ++running_;
  return true;
}

Result<model::InstanceUsage> UsageReader::read(const std::string& address) {
  if (!wait_for_turn())
    return later(fmt::format("{} instances are being asked what they use: ask again", kUsageReads));
  const auto reply = fetch_({.url = fmt::format("http://{}/metrics", address),
                             .timeout = kUsageTimeout,
                             .connect_timeout = kUsageTimeout,
                             .max_body_bytes = kMaxUsagePageBytes});
  {
    const std::lock_guard lock(mutex_);
    --running_;
  }
  ended_.notify_one();
  if (!reply)
    return later(
        fmt::format("http://{}/metrics does not answer: {}; let control reach the REST "
                    "port of the tasks",
                    address, reply.error().message));
  if (reply->status != kHttpOk)
    return later(
        fmt::format("http://{}/metrics answers {}: par answers 200", address, reply->status));
  return usage_of_page(reply->body);
}

}  // namespace pixell::engine::ecs
