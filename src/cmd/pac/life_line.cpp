#include "cmd/pac/life_line.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/files.hpp"
#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

void LifeLine::say(std::uint8_t byte) const {
  // Full or broken: whoever should read it is held up or gone, and then nothing is judged by it.
  if (fd_) [[maybe_unused]]
    const ssize_t said = ::write(fd_.get(), &byte, 1);
}

void LifeLine::beat(int loop) const { say(static_cast<std::uint8_t>(loop)); }

void LifeLine::ready() const { say(kReadyByte); }

Result<LifeLineEnds> make_life_line() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return errno_error("cannot make a life line", errno);
  return LifeLineEnds{.watched = UniqueFd(ends[0]), .spoken = UniqueFd(ends[1])};
}

void Pulse::looked(Instant now) {
  if (now - looked_at_ > kWatcherGap) {
    started_at_ = now;
    for (auto& [loop, at] : heard_at_) at = now;
  }
  looked_at_ = now;
}

void Pulse::heard(std::uint8_t byte, Instant now) {
  if (byte == kReadyByte)
    is_ready_ = true;
  else
    heard_at_[byte] = now;
}

std::string Pulse::complaint(Instant now) const {
  const auto millis = [](Instant::duration span) {
    return std::chrono::duration_cast<Millis>(span).count();
  };
  if (!is_ready_ && now - started_at_ > kRoleStartTimeout)
    return fmt::format("it was not ready after {} ms", millis(now - started_at_));
  for (const auto& [loop, at] : heard_at_)
    if (now - at > kBeatTimeout)
      return fmt::format("loop {} was silent for {} ms", loop, millis(now - at));
  return {};
}

bool is_traced(int pid) {
  constexpr std::string_view kField = "TracerPid:\t";
  const auto status = read_file(fmt::format("/proc/{}/status", pid));
  if (!status) return false;
  const std::size_t at = status->find(kField);
  return at != std::string::npos && (*status)[at + kField.size()] != '0';
}

}  // namespace pixell::cmd
