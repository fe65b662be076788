#include "net/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/unique_fd.hpp"

namespace pixell::net {

namespace {

constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max();
constexpr std::uint32_t kStreamEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

// Timers in a binary heap that knows each timer's place, so that a cancelled one leaves nothing
// behind (a proxy cancels almost every timer it sets). Timers without delay skip the heap.
class TimerQueue {
 public:
  std::uint64_t add(Instant due, bool is_immediate, std::function<void()> job) {
    std::size_t index;
    if (free_.empty()) {
      index = slots_.size();
      slots_.emplace_back();
    } else {
      index = free_.back();
      free_.pop_back();
    }
    Slot& slot = slots_[index];
    slot.job = std::move(job);
    slot.is_used = true;
    const std::uint64_t id = (std::uint64_t(slot.generation) << 32) | index;
    if (is_immediate) {
      slot.place = kNowhere;
      immediate_.push_back(id);
    } else {
      heap_.push_back({due, ++sequence_, index});
      slot.place = heap_.size() - 1;
      sift_up(slot.place);
    }
    return id;
  }

  void cancel(std::uint64_t id) {
    Slot* slot = find(id);
    if (slot == nullptr) return;  // it ran already
    // The job may own objects whose destructors use this queue: let it die last.
    const std::function<void()> dying = release(index_of(id));
  }

  // Runs what is due at `now`, but nothing that is set meanwhile.
  void run_due(Instant now) {
    const std::uint64_t newest = sequence_;
    running_.swap(immediate_);
    for (const std::uint64_t id : running_) {
      if (find(id) == nullptr) continue;
      const std::function<void()> job = release(index_of(id));
      job();
    }
    running_.clear();
    while (!heap_.empty() && heap_[0].due <= now && heap_[0].sequence <= newest) {
      const std::function<void()> job = release(heap_[0].slot);
      job();
    }
  }

  // Milliseconds until the next timer, rounded up; -1 when there is none.
  int wait_ms(const Clock& clock) const {
    if (!immediate_.empty()) return 0;
    if (heap_.empty()) return -1;
    const auto wait = heap_[0].due - clock.now();
    if (wait.count() <= 0) return 0;
    const auto ms = std::chrono::ceil<Millis>(wait).count();
    return static_cast<int>(std::min<std::int64_t>(ms, 3'600'000));
  }

 private:
  struct Slot {
    std::function<void()> job;
    std::uint32_t generation = 1;
    bool is_used = false;
    std::size_t place = kNowhere;  // in heap_
  };
  struct Node {
    Instant due;
    std::uint64_t sequence;  // timers of the same instant run in the order they were set
    std::size_t slot;
    bool operator<(const Node& other) const {
      return due != other.due ? due < other.due : sequence < other.sequence;
    }
  };

  static std::size_t index_of(std::uint64_t id) { return id & 0xffffffffu; }

  Slot* find(std::uint64_t id) {
    Slot& slot = slots_[index_of(id)];
    return slot.is_used && slot.generation == (id >> 32) ? &slot : nullptr;
  }

  std::function<void()> release(std::size_t index) {
    Slot& slot = slots_[index];
    if (slot.place != kNowhere) remove_from_heap(slot.place);
    slot.is_used = false;
    slot.place = kNowhere;
    ++slot.generation;
    std::function<void()> job = std::move(slot.job);
    slot.job = nullptr;
    free_.push_back(index);
    return job;
  }

  void put(std::size_t place, Node node) {
    slots_[node.slot].place = place;
    heap_[place] = node;
  }
  void sift_up(std::size_t place) {
    const Node node = heap_[place];
    while (place > 0 && node < heap_[(place - 1) / 2]) {
      put(place, heap_[(place - 1) / 2]);
      place = (place - 1) / 2;
    }
    put(place, node);
  }
  void sift_down(std::size_t place) {
    const Node node = heap_[place];
    for (;;) {
      std::size_t child = 2 * place + 1;
      if (child >= heap_.size()) break;
      if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child]) ++child;
      if (!(heap_[child] < node)) break;
      put(place, heap_[child]);
      place = child;
    }
    put(place, node);
  }
  void remove_from_heap(std::size_t place) {
    const Node last = heap_.back();
    heap_.pop_back();
    if (place == heap_.size()) return;
    put(place, last);
    sift_up(place);
    sift_down(slots_[last.slot].place);
  }

  std::vector<Slot> slots_;
  std::vector<std::size_t> free_;
  std::vector<Node> heap_;
  std::vector<std::uint64_t> immediate_;
  std::vector<std::uint64_t> running_;
  std::uint64_t sequence_ = 0;
};

}  // namespace

struct EventLoop::Impl {
  struct Watch {
    FdHandler* handler = nullptr;
    std::uint32_t generation = 0;  // tells events of a descriptor from those of its predecessor
    bool is_local = false;         // added by add_local()
    bool awaits_output = false;    // of a local one: EPOLLOUT is among its events now
    std::uint64_t key(int fd) const {
      return (std::uint64_t(generation) << 32) | std::uint32_t(fd);
    }
  };

  explicit Impl(const Clock& c) : clock(c), scratch(new char[kScratchBytes]) {}

  void wake() const {
    const std::uint64_t one = 1;
    // The counter can only be full when a wake-up waits already.
    [[maybe_unused]] const auto n = ::write(wake_fd.get(), &one, sizeof one);
  }
  Result<void> add(int fd, FdHandler& handler, std::uint32_t events);
  void set_awaits_output(int fd, bool awaits_output);
  void turn();
  void run_posted();
  void run_deletions();

  const Clock& clock;
  UniqueFd epoll_fd;
  UniqueFd wake_fd;
  std::vector<Watch> watches;  // by descriptor
  TimerQueue timers;
  struct LastCall {
    void* object;
    void (*job)(void*);
  };
  std::vector<LastCall> doomed;
  std::vector<LastCall> dying;
  Instant now{};  // when the turn began
  std::unique_ptr<char[]> scratch;
  std::atomic<bool> is_stopping{false};
  std::atomic<std::thread::id> runner{};
  std::mutex mutex;  // guards posted
  std::vector<std::function<void()>> posted;
  std::vector<std::function<void()>> running;
};

void EventLoop::Impl::run_posted() {
  {
    const std::lock_guard lock(mutex);
    running.swap(posted);
  }
  for (const auto& job : running) job();
  running.clear();
}

void EventLoop::Impl::run_deletions() {
  while (!doomed.empty()) {  // destructors may add more
    dying.swap(doomed);
    for (const LastCall& last : dying) last.job(last.object);
    dying.clear();
  }
}

void EventLoop::Impl::turn() {
  std::array<epoll_event, 256> events;
  int wait_ms = timers.wait_ms(clock);
  if (!doomed.empty()) wait_ms = 0;
  const int n = ::epoll_wait(epoll_fd.get(), events.data(), int(events.size()), wait_ms);
  CHECK(n >= 0 || errno == EINTR, "epoll_wait fails only for a bad descriptor");
  now = clock.now();
  for (int i = 0; i < n; ++i) {
    const std::uint64_t key = events[std::size_t(i)].data.u64;
    const auto fd = std::size_t(key & 0xffffffffu);
    if (int(fd) == wake_fd.get()) {
      std::uint64_t count;
      [[maybe_unused]] const auto got = ::read(wake_fd.get(), &count, sizeof count);
      continue;
    }
    // Removed, or closed and given out anew, by an earlier handler of this turn.
    const Watch& watch = watches[fd];
    if (watch.handler == nullptr || watch.generation != (key >> 32)) continue;
    const std::uint32_t what = events[std::size_t(i)].events;
    if (watch.awaits_output && (what & EPOLLOUT) != 0) set_awaits_output(int(fd), false);
    watch.handler->on_ready(what);
  }
  timers.run_due(now);
  run_posted();
  run_deletions();
}

EventLoop::EventLoop() = default;

EventLoop::~EventLoop() {
  // What is still queued may hold timers of this loop: it must go while the loop is whole.
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->running.swap(impl_->posted);
  }
  impl_->running.clear();
  impl_->run_deletions();
}

Result<std::unique_ptr<EventLoop>> EventLoop::create(const Clock& clock) {
  std::unique_ptr<EventLoop> loop(new EventLoop());
  loop->impl_ = std::make_unique<Impl>(clock);
  loop->impl_->now = clock.now();
  Impl& impl = *loop->impl_;
  impl.epoll_fd.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!impl.epoll_fd) return errno_error("epoll_create1", errno);
  impl.wake_fd.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!impl.wake_fd) return errno_error("eventfd", errno);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = std::uint64_t(impl.wake_fd.get());
  if (::epoll_ctl(impl.epoll_fd.get(), EPOLL_CTL_ADD, impl.wake_fd.get(), &event) != 0) {
    return errno_error("epoll_ctl", errno);
  }
  return loop;
}

void EventLoop::run() {
  impl_->runner = std::this_thread::get_id();
  do {
    impl_->turn();
  } while (!impl_->is_stopping.exchange(false));
  impl_->runner = std::thread::id();
}

void EventLoop::stop() {
  impl_->is_stopping = true;
  impl_->wake();
}

void EventLoop::post(std::function<void()> job) {
  bool is_first;
  {
    const std::lock_guard lock(impl_->mutex);
    is_first = impl_->posted.empty();
    impl_->posted.push_back(std::move(job));
  }
  if (is_first) impl_->wake();  // otherwise the wake-up of the first one is still on its way
}

Result<void> EventLoop::add(int fd, FdHandler& handler) { return add(fd, handler, kStreamEvents); }

Result<void> EventLoop::add(int fd, FdHandler& handler, std::uint32_t events) {
  return impl_->add(fd, handler, events);
}

Result<void> EventLoop::add_local(int fd, FdHandler& handler) {
  TRY_VOID(impl_->add(fd, handler, kStreamEvents));
  Impl::Watch& watch = impl_->watches[std::size_t(fd)];
  watch.is_local = watch.awaits_output = true;
  return {};
}

void EventLoop::await_writable(int fd) {
  const Impl::Watch& watch = impl_->watches[std::size_t(fd)];
  if (watch.is_local && !watch.awaits_output) impl_->set_awaits_output(fd, true);
}

Result<void> EventLoop::Impl::add(int fd, FdHandler& handler, std::uint32_t events) {
  CHECK(fd >= 0, "a descriptor is added while it is open");
  if (watches.size() <= std::size_t(fd)) watches.resize(std::size_t(fd) + 1);
  Watch& watch = watches[std::size_t(fd)];
  CHECK(watch.handler == nullptr, "a descriptor has one handler");
  watch.is_local = watch.awaits_output = false;
  ++watch.generation;
  epoll_event event{};
  event.events = events;
  event.data.u64 = watch.key(fd);
  if (::epoll_ctl(epoll_fd.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return errno_error("epoll_ctl", errno);
  }
  watch.handler = &handler;
  return {};
}

// epoll looks at the descriptor when its events change, so that no room is missed.
void EventLoop::Impl::set_awaits_output(int fd, bool awaits_output) {
  Watch& watch = watches[std::size_t(fd)];
  watch.awaits_output = awaits_output;
  epoll_event event{};
  event.events = awaits_output ? kStreamEvents : kStreamEvents & ~std::uint32_t(EPOLLOUT);
  event.data.u64 = watch.key(fd);
  const int failed = ::epoll_ctl(epoll_fd.get(), EPOLL_CTL_MOD, fd, &event);
  CHECK(failed == 0, "a descriptor that is watched can be watched for something else");
}

void EventLoop::remove(int fd) {
  if (fd < 0 || std::size_t(fd) >= impl_->watches.size()) return;
  Impl::Watch& watch = impl_->watches[std::size_t(fd)];
  if (watch.handler == nullptr) return;
  watch.handler = nullptr;
  ::epoll_ctl(impl_->epoll_fd.get(), EPOLL_CTL_DEL, fd, nullptr);
}

Timer EventLoop::after(Millis delay, std::function<void()> job) {
  const bool is_immediate = delay.count() <= 0;
  const Instant due = is_immediate ? Instant() : impl_->clock.now() + delay;
  return Timer(this, impl_->timers.add(due, is_immediate, std::move(job)));
}

void EventLoop::cancel_timer(std::uint64_t id) { impl_->timers.cancel(id); }

void EventLoop::call_last(void* object, void (*job)(void*)) {
  impl_->doomed.push_back({object, job});
}

const Clock& EventLoop::clock() const { return impl_->clock; }

Instant EventLoop::now() const { return impl_->now; }

bool EventLoop::is_current() const { return impl_->runner == std::this_thread::get_id(); }

char* EventLoop::scratch() { return impl_->scratch.get(); }

Timer::Timer(Timer&& other) noexcept
    : loop_(std::exchange(other.loop_, nullptr)), id_(std::exchange(other.id_, 0)) {}

Timer& Timer::operator=(Timer&& other) noexcept {
  if (this == &other) return *this;
  cancel();
  loop_ = std::exchange(other.loop_, nullptr);
  id_ = std::exchange(other.id_, 0);
  return *this;
}

Timer::~Timer() { cancel(); }

void Timer::cancel() {
  if (loop_ == nullptr) return;
  std::exchange(loop_, nullptr)->cancel_timer(id_);
}

}  // namespace pixell::net
