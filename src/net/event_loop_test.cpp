#include "net/event_loop.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>
#include <vector>

#include "base/testing/fake_clock.hpp"
#include "base/unique_fd.hpp"

namespace pixell::net {
namespace {

class EventLoopTest : public testing::Test {
 protected:
  void SetUp() override {
    auto loop = EventLoop::create(clock_);
    ASSERT_TRUE(loop) << loop.error().message;
    loop_ = std::move(*loop);
  }

  // Runs one turn.
  void turn() {
    loop_->stop();
    loop_->run();
  }

  FakeClock clock_;
  std::unique_ptr<EventLoop> loop_;
  std::vector<std::string> calls_;
};

struct Recorder final : FdHandler {
  explicit Recorder(std::function<void(std::uint32_t)> f) : on_event(std::move(f)) {}
  void on_ready(std::uint32_t events) override { on_event(events); }
  std::function<void(std::uint32_t)> on_event;
};

struct SocketPair {
  SocketPair() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    a.reset(fds[0]);
    b.reset(fds[1]);
  }
  UniqueFd a, b;
};

TEST_F(EventLoopTest, RunsTimersWhenTheClockReachesThem) {
  const Timer late = loop_->after(Millis(200), [&] { calls_.push_back("late"); });
  const Timer early = loop_->after(Millis(100), [&] { calls_.push_back("early"); });

  turn();
  EXPECT_TRUE(calls_.empty());
  clock_.advance(Millis(100));
  turn();
  EXPECT_EQ(calls_, std::vector<std::string>{"early"});
  clock_.advance(Millis(1000));
  turn();
  EXPECT_EQ(calls_, (std::vector<std::string>{"early", "late"}));
}

TEST_F(EventLoopTest, ForgetsACancelledTimer) {
  Timer timer = loop_->after(Millis(1), [&] { calls_.push_back("fired"); });
  timer.cancel();
  {
    const Timer scoped = loop_->after(Millis(0), [&] { calls_.push_back("scoped"); });
  }

  clock_.advance(Millis(10));
  turn();

  EXPECT_TRUE(calls_.empty());
  EXPECT_FALSE(timer.is_set());
}

TEST_F(EventLoopTest, KeepsTimersInOrderThroughManyCancels) {
  std::vector<Timer> timers;
  std::vector<int> fired;
  for (int i = 0; i < 500; ++i) {
    const int delay = (i * 7919) % 1000 + 1;
    timers.push_back(loop_->after(Millis(delay), [&fired, delay] { fired.push_back(delay); }));
  }
  for (std::size_t i = 0; i < timers.size(); i += 3) timers[i].cancel();

  clock_.advance(Millis(2000));
  turn();

  EXPECT_EQ(fired.size(), 333u);
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
}

TEST_F(EventLoopTest, DoesNotRunATimerSetByATimerInTheSameTurn) {
  Timer second;
  const Timer first = loop_->after(Millis(0), [&] {
    calls_.push_back("first");
    second = loop_->after(Millis(0), [&] { calls_.push_back("second"); });
  });

  turn();
  EXPECT_EQ(calls_.size(), 1u);
  turn();
  EXPECT_EQ(calls_.size(), 2u);
}

TEST_F(EventLoopTest, ATimerMayReplaceItselfWhileItRuns) {
  Timer timer;
  int runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    timer = loop_->after(Millis(5), again);
  };
  timer = loop_->after(Millis(5), again);

  for (int i = 0; i < 3; ++i) {
    clock_.advance(Millis(5));
    turn();
  }

  EXPECT_EQ(runs, 3);
}

TEST_F(EventLoopTest, RunsCallbacksOfATurnInTheirOrder) {
  SocketPair pair;
  Recorder reader([&](std::uint32_t) {
    calls_.push_back("descriptor");
    loop_->remove(pair.a.get());
  });
  ASSERT_TRUE(loop_->add(pair.a.get(), reader));
  const Timer timer = loop_->after(Millis(0), [&] { calls_.push_back("timer"); });
  loop_->post([&] { calls_.push_back("job"); });
  struct Doomed {
    std::vector<std::string>& calls;
    ~Doomed() { calls.push_back("deletion"); }
  };
  loop_->delete_later(std::unique_ptr<Doomed>(new Doomed{calls_}));

  turn();

  EXPECT_EQ(calls_, (std::vector<std::string>{"descriptor", "timer", "job", "deletion"}));
}

TEST_F(EventLoopTest, TellsALocalSocketOfRoomOnlyWhenItWaitsForIt) {
  const SocketPair pair;
  std::uint32_t seen = 0;
  Recorder recorder([&](std::uint32_t events) { seen |= events; });
  ASSERT_TRUE(loop_->add_local(pair.a.get(), recorder));
  turn();
  EXPECT_EQ(std::exchange(seen, 0), std::uint32_t(EPOLLOUT)) << "a new one is told once";

  const auto send = [&] { return ::send(pair.a.get(), "x", 1, MSG_NOSIGNAL); };
  std::array<char, 4096> bytes{};
  const auto read = [&] { return ::recv(pair.b.get(), bytes.data(), bytes.size(), 0); };
  ASSERT_EQ(send(), 1);
  ASSERT_EQ(read(), 1);
  turn();
  EXPECT_EQ(seen, 0u) << "the peer has read";

  ASSERT_EQ(::send(pair.b.get(), "y", 1, MSG_NOSIGNAL), 1);
  turn();
  EXPECT_EQ(std::exchange(seen, 0), std::uint32_t(EPOLLIN));

  while (send() == 1) {
  }
  loop_->await_writable(pair.a.get());
  turn();
  EXPECT_EQ(seen & EPOLLOUT, 0u) << "it is full";
  while (read() > 0) {
  }
  turn();
  EXPECT_NE(std::exchange(seen, 0) & EPOLLOUT, 0u);

  loop_->await_writable(pair.a.get());
  turn();
  EXPECT_NE(seen & EPOLLOUT, 0u) << "there was room when it was asked for";
  loop_->remove(pair.a.get());
}

TEST_F(EventLoopTest, DoesNotCallAHandlerRemovedInTheSameTurn) {
  SocketPair first;
  SocketPair second;
  int calls = 0;
  // Whichever comes first removes both.
  const auto on_event = [&](std::uint32_t) {
    ++calls;
    loop_->remove(first.a.get());
    loop_->remove(second.a.get());
  };
  Recorder one(on_event);
  Recorder two(on_event);
  ASSERT_TRUE(loop_->add(first.a.get(), one));
  ASSERT_TRUE(loop_->add(second.a.get(), two));

  turn();
  turn();

  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, TellsAReusedDescriptorFromItsPredecessor) {
  SocketPair first;
  SocketPair second;
  int stale = 0;
  Recorder newcomer([&](std::uint32_t events) {
    if ((events & EPOLLIN) != 0) ++stale;
  });
  Recorder old([&](std::uint32_t) { ADD_FAILURE() << "removed before its event"; });
  UniqueFd replacement;
  Recorder closer([&](std::uint32_t) {
    loop_->remove(first.a.get());
    if (!second.a) return;
    // The descriptor's number is given out anew, to a socket that has nothing to read.
    const int number = second.a.get();
    loop_->remove(number);
    second.a.reset();
    SocketPair fresh;
    replacement.reset(::dup2(fresh.a.get(), number));
    EXPECT_TRUE(loop_->add(number, newcomer));
    static_cast<void>(fresh.b.release());
  });
  ASSERT_TRUE(loop_->add(first.a.get(), closer, EPOLLIN));
  ASSERT_TRUE(loop_->add(second.a.get(), old, EPOLLIN));
  ASSERT_EQ(::write(first.b.get(), "x", 1), 1);
  ASSERT_EQ(::write(second.b.get(), "x", 1), 1);

  turn();
  loop_->remove(replacement.get());

  EXPECT_EQ(stale, 0);
}

TEST_F(EventLoopTest, RunsPostedJobsOfOtherThreadsInOrder) {
  std::vector<int> seen;
  std::thread poster([&] {
    for (int i = 0; i < 1000; ++i) loop_->post([&seen, i] { seen.push_back(i); });
    loop_->post([&] { loop_->stop(); });
  });

  loop_->run();
  poster.join();

  ASSERT_EQ(seen.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST_F(EventLoopTest, KnowsItsThread) {
  EXPECT_FALSE(loop_->is_current());
  loop_->post([&] { calls_.push_back(loop_->is_current() ? "loop" : "other"); });
  turn();
  EXPECT_EQ(calls_, std::vector<std::string>{"loop"});
  EXPECT_FALSE(loop_->is_current());
}

TEST_F(EventLoopTest, DeletesWhatDestructorsAdd) {
  struct Chain {
    EventLoop& loop;
    int& deleted;
    int depth;
    ~Chain() {
      ++deleted;
      if (depth > 0) loop.delete_later(std::unique_ptr<Chain>(new Chain{loop, deleted, depth - 1}));
    }
  };
  int deleted = 0;
  loop_->delete_later(std::unique_ptr<Chain>(new Chain{*loop_, deleted, 3}));

  turn();

  EXPECT_EQ(deleted, 4);
}

TEST_F(EventLoopTest, DropsWhatIsQueuedWhenDestroyed) {
  int deleted = 0;
  struct Counted {
    int& deleted;
    Timer timer;
    ~Counted() { ++deleted; }
  };
  auto object = std::unique_ptr<Counted>(new Counted{deleted, {}});
  object->timer = loop_->after(Millis(5), [] {});
  loop_->delete_later(std::move(object));
  loop_->post([keep = std::make_shared<int>(1)] {});

  loop_.reset();

  EXPECT_EQ(deleted, 1);
}

TEST(EventLoop, RefusesADescriptorEpollCannotWatch) {
  auto loop = EventLoop::create();
  ASSERT_TRUE(loop);
  Recorder nobody([](std::uint32_t) {});
  std::array<int, 2> fds{};
  ASSERT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
  ::close(fds[0]);
  ::close(fds[1]);

  const auto added = (*loop)->add(fds[0], nobody);

  ASSERT_FALSE(added);
}

TEST(EventLoop, WaitsForATimerOfTheSystemClock) {
  auto loop = EventLoop::create();
  ASSERT_TRUE(loop);
  bool has_fired = false;
  const Timer timer = (*loop)->after(Millis(5), [&] {
    has_fired = true;
    (*loop)->stop();
  });

  (*loop)->run();

  EXPECT_TRUE(has_fired);
}

}  // namespace
}  // namespace pixell::net
