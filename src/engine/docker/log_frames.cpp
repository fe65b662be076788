#include "engine/docker/log_frames.hpp"

#include <chrono>
#include <optional>

#include "engine/docker/limits.hpp"

namespace pixell::engine::docker {

namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr unsigned kLastStream = 2;  // stdin, stdout, stderr
constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

Error no_stream(const char* why) {
  return make_error(ErrorCode::DataLoss, std::string("Docker's log stream cannot be read: ") + why);
}

// The whole-number field of a fixed width at `at`.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t width) {
  if (text.size() < at + width) return {};
  int number = 0;
  for (const char c : text.substr(at, width)) {
    if (c < '0' || c > '9') return {};
    number = number * 10 + (c - '0');
  }
  return number;
}

}  // namespace

Result<void> LogFrames::feed(std::string_view bytes) {
  pending_.append(bytes);
  std::string_view rest = pending_;
  while (rest.size() >= kHeaderBytes) {
    if (byte_at(rest, 0) > kLastStream || rest.substr(1, 3) != std::string_view("\0\0\0", 3))
      return no_stream("a frame begins with something else than its header");
    const std::size_t length = (byte_at(rest, 4) << 24U) | (byte_at(rest, 5) << 16U) |
                               (byte_at(rest, 6) << 8U) | byte_at(rest, 7);
    if (length > kMaxFrameBytes) return no_stream("a frame is too long");
    if (rest.size() < kHeaderBytes + length) break;
    TRY_VOID(take_(rest.substr(kHeaderBytes, length)));
    rest.remove_prefix(kHeaderBytes + length);
  }
  pending_.erase(0, pending_.size() - rest.size());
  return {};
}

Result<std::int64_t> parse_docker_time(std::string_view text) {
  const Error wrong = make_error(ErrorCode::DataLoss, "Docker gave a time that cannot be read");
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2),
             hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second || text[4] != '-' || text[7] != '-' ||
      text[10] != 'T' || text[13] != ':' || text[16] != ':' || !text.ends_with('Z'))
    return wrong;
  std::int64_t nanos = 0;
  if (text.size() > 20) {
    if (text[19] != '.' || text.size() > 30) return wrong;
    std::int64_t unit = kNanosPerSecond / 10;
    for (const char c : text.substr(20, text.size() - 21)) {
      if (c < '0' || c > '9') return wrong;
      nanos += unit * (c - '0');
      unit /= 10;
    }
  }
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return wrong;
  if (*year < 1970) return 0;
  if (*year > 2261) return wrong;  // beyond what 64 bits of nanoseconds hold
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return (((days * 24 + *hour) * 60 + *minute) * 60 + *second) * kNanosPerSecond + nanos;
}

Result<StampedLine> parse_stamped(std::string_view payload) {
  const std::size_t blank = payload.find(' ');
  if (blank == std::string_view::npos) return no_stream("a line has no time");
  TRY(const std::int64_t nanos, parse_docker_time(payload.substr(0, blank)));
  return StampedLine{.nanos = nanos, .text = payload.substr(blank + 1)};
}

}  // namespace pixell::engine::docker
