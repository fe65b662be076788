#include "engine/docker/change_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <limits>
#include <string_view>

#include "engine/docker/limits.hpp"

namespace pixell::engine::docker {

namespace {

constexpr std::int64_t kNanosPerMilli = 1'000'000;
constexpr std::array kRecords = {std::string_view("state.json"),
                                 std::string_view("boot_report.json"),
                                 std::string_view("exit.json")};

// Sleeps until then or until stop is asked.
void pause_for(Millis time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace

Result<void> ChangeWatch::start() {
  const std::lock_guard lock(mutex_);
  if (is_started_) return {};
  inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_) return errno_error("cannot watch the records of instances", errno);
  wake_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake_) return errno_error("cannot make an event descriptor", errno);
  is_started_ = true;
  threads_.emplace_back([this](std::stop_token stop) { follow_events(std::move(stop)); });
  threads_.emplace_back([this](std::stop_token stop) { follow_records(std::move(stop)); });
  return {};
}

void ChangeWatch::stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  wake();
  threads_.clear();  // joins
}

void ChangeWatch::wake() {
  const std::uint64_t one = 1;
  // A counter that is full wakes as well.
  if (wake_) (void)!::write(wake_.get(), &one, sizeof one);
}

void ChangeWatch::changed() {
  {
    const std::lock_guard lock(mutex_);
    ++position_;
  }
  moved_.notify_all();
}

std::int64_t ChangeWatch::wait(std::int64_t after, Millis timeout, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  moved_.wait_for(lock, stop, timeout, [&] { return position_ != after; });
  return position_;
}

void ChangeWatch::watch_records(const std::string& instance,
                                const std::filesystem::path& directory) {
  const std::lock_guard lock(mutex_);
  if (!inotify_ || watched_.contains(instance)) return;
  const int watch = ::inotify_add_watch(inotify_.get(), directory.c_str(),
                                        IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR | IN_DONT_FOLLOW);
  if (watch < 0)
    parts_.log.warning("Instance's records cannot be watched; its changes are seen late",
                       {{"instance", instance}, {"errno", errno}});
  watched_[instance] = watch;
}

void ChangeWatch::set_deadline(const std::string& instance, UnixMillis deadline) {
  {
    const std::lock_guard lock(mutex_);
    const auto [known, is_new] = deadlines_.try_emplace(instance, deadline);
    known->second = std::min(known->second, deadline);
  }
  wake();
}

void ChangeWatch::forget(const std::string& instance) {
  const std::lock_guard lock(mutex_);
  deadlines_.erase(instance);
  const auto known = watched_.find(instance);
  if (known == watched_.end()) return;
  // Its directory may be gone, and the watch with it.
  if (known->second >= 0) ::inotify_rm_watch(inotify_.get(), known->second);
  watched_.erase(known);
}

// ------------------------------------------------------------------------------- Docker's events

Result<void> ChangeWatch::read_events(std::int64_t& since, std::stop_token stop) {
  EventLines lines([&](const ContainerEvent& event) {
    since = std::max(since, event.nanos);
    if (event.action == "health_status: unhealthy") parts_.on_unhealthy(event.container);
    changed();
  });
  return parts_.api.stream(events_path(parts_.installation, since),
                           {.sink = [&lines](std::string_view bytes) { return lines.feed(bytes); },
                            .timeout = kEventStreamLife,
                            .max_bytes = std::numeric_limits<std::size_t>::max(),
                            .stop = std::move(stop)});
}

void ChangeWatch::follow_events(std::stop_token stop) {
  std::int64_t since = parts_.clock.unix_now() * kNanosPerMilli;
  bool is_away = false;
  while (!stop.stop_requested()) {
    const auto read = read_events(since, stop);
    if (stop.stop_requested()) return;
    const bool is_old = !read && read.error().code == ErrorCode::DeadlineExceeded;
    if (is_old) continue;  // it is opened anew where it was
    if (!is_away)
      parts_.log.warning("Docker's event stream ended; it is opened again",
                         {{"error", read ? "the daemon ended it" : read.error().message}});
    is_away = !read && read.error().code == ErrorCode::Unavailable;
    // Whoever waits must find out that the daemon is away, or that another one is there, which
    // knows nothing of what happened before.
    changed();
    pause_for(kEventRetry, stop);
  }
}

// -------------------------------------------------------------------------------- par's records

bool ChangeWatch::drain_records() {
  bool is_news = false;
  alignas(inotify_event) char buffer[64 * (sizeof(inotify_event) + NAME_MAX + 1)];
  while (true) {
    const ssize_t got = ::read(inotify_.get(), buffer, sizeof buffer);
    if (got <= 0) return is_news;
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      const std::string_view name = event->len > 0 ? event->name : "";
      is_news = is_news || (event->mask & IN_Q_OVERFLOW) != 0 ||
                std::find(kRecords.begin(), kRecords.end(), name) != kRecords.end();
    }
  }
}

int ChangeWatch::until_next_deadline() {
  const std::lock_guard lock(mutex_);
  UnixMillis next = std::numeric_limits<UnixMillis>::max();
  for (const auto& [instance, deadline] : deadlines_) next = std::min(next, deadline);
  if (deadlines_.empty()) return -1;
  return static_cast<int>(
      std::clamp<std::int64_t>(next - parts_.clock.unix_now(), 0, kMaxGrace.count()));
}

void ChangeWatch::tell_overdue() {
  std::vector<std::string> overdue;
  {
    const std::lock_guard lock(mutex_);
    const UnixMillis now = parts_.clock.unix_now();
    std::erase_if(deadlines_, [&](const auto& entry) {
      if (entry.second > now) return false;
      overdue.push_back(entry.first);
      return true;
    });
  }
  for (const std::string& instance : overdue) parts_.on_overdue(instance);
}

void ChangeWatch::follow_records(std::stop_token stop) {
  std::array<pollfd, 2> ready{pollfd{.fd = inotify_.get(), .events = POLLIN, .revents = 0},
                              pollfd{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
  while (!stop.stop_requested()) {
    (void)::poll(ready.data(), ready.size(), until_next_deadline());
    std::uint64_t ignored = 0;
    if (ready[1].revents != 0) (void)!::read(wake_.get(), &ignored, sizeof ignored);
    if (stop.stop_requested()) return;
    tell_overdue();
    if (!drain_records()) continue;
    changed();
    // An agent that writes there without end must not keep control busy.
    pause_for(kRecordPause, stop);
  }
}

}  // namespace pixell::engine::docker
