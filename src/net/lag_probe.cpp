#include "net/lag_probe.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "base/check.hpp"

namespace pixell::net {

Result<std::unique_ptr<LagProbe>> LagProbe::create(EventLoop& loop, OnLag on_lag) {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return errno_error("eventfd", errno);
  std::unique_ptr<LagProbe> probe(new LagProbe(loop, std::move(event), std::move(on_lag)));
  TRY_VOID(loop.add(probe->event_.get(), *probe, EPOLLIN | EPOLLET));
  return probe;
}

LagProbe::LagProbe(EventLoop& loop, UniqueFd event, OnLag on_lag)
    : loop_(loop), event_(std::move(event)), on_lag_(std::move(on_lag)) {}

LagProbe::~LagProbe() { loop_.remove(event_.get()); }

void LagProbe::start(Instant now) {
  if (std::exchange(is_under_way_, true)) return;
  started_ = now;
  // Edge-triggered: every write is an event of its own, so the counter need not be read.
  const std::uint64_t one = 1;
  CHECK(::write(event_.get(), &one, sizeof one) == sizeof one,
        "the counter of an eventfd has room");
}

void LagProbe::on_ready(std::uint32_t) {
  if (!std::exchange(is_under_way_, false)) return;
  const Instant now = loop_.clock().now();
  on_lag_(now - started_, now);
}

}  // namespace pixell::net
