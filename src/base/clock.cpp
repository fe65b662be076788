#include "base/clock.hpp"

#include <algorithm>
#include <chrono>

namespace pixell {

namespace {

class SystemClock final : public Clock {
 public:
  Instant now() const override { return std::chrono::steady_clock::now(); }
  UnixMillis unix_now() const override {
    return std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

// 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: years have four digits.
constexpr UnixMillis kFirstYear = -62'167'219'200'000;
constexpr UnixMillis kLastYear = 253'402'300'799'999;

// Writes the digits of a number so that they end before `end`.
void put_digits(std::string& text, std::size_t end, std::int64_t number) {
  for (; number > 0; number /= 10) text[--end] = static_cast<char>('0' + number % 10);
}

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

std::string iso8601(UnixMillis time) {
  const std::chrono::sys_time<Millis> at(Millis(std::clamp(time, kFirstYear, kLastYear)));
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<Millis> clock(at - day);
  std::string text = "0000-00-00T00:00:00.000Z";
  put_digits(text, 4, static_cast<std::int64_t>(static_cast<int>(date.year())));
  put_digits(text, 7, static_cast<unsigned>(date.month()));
  put_digits(text, 10, static_cast<unsigned>(date.day()));
  put_digits(text, 13, clock.hours().count());
  put_digits(text, 16, clock.minutes().count());
  put_digits(text, 19, clock.seconds().count());
  put_digits(text, 23, clock.subseconds().count());
  return text;
}

}  // namespace pixell
