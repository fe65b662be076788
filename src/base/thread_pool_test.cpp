#include "base/thread_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <set>
#include <vector>

#include "base/limits.hpp"

namespace pixell {
namespace {

TEST(ThreadPool, RunsJobsInOrderOfArrival) {
  std::vector<int> seen;
  std::promise<void> last;
  ThreadPool pool(1);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.submit([&seen, i] { seen.push_back(i); }));
  ASSERT_TRUE(pool.submit([&] { last.set_value(); }));
  last.get_future().wait();

  ASSERT_EQ(seen.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(ThreadPool, RunsAsManyJobsAtOnceAsItHasThreads) {
  std::latch all_running(3);
  std::atomic<int> done = 0;
  {
    ThreadPool pool(3);
    for (int i = 0; i < 3; ++i)
      ASSERT_TRUE(pool.submit([&] {
        all_running.arrive_and_wait();  // would never return with fewer than three threads
        ++done;
      }));
    all_running.wait();
  }
  EXPECT_EQ(done, 3);
}

TEST(ThreadPool, StopLetsTheRunningJobEndAndDropsTheWaitingOne) {
  std::promise<void> is_running;
  std::promise<void> may_end;
  std::atomic<bool> first_ended = false;
  std::atomic<bool> second_ran = false;
  const auto token = std::make_shared<int>(0);
  ThreadPool pool(1);
  ASSERT_TRUE(pool.submit([&] {
    is_running.set_value();
    may_end.get_future().wait();
    first_ended = true;
  }));
  ASSERT_TRUE(pool.submit([&, token] { second_ran = true; }));
  is_running.get_future().wait();

  std::thread stopper([&] { pool.stop(); });
  while (pool.submit([] {})) std::this_thread::yield();  // until stop() has begun
  may_end.set_value();
  stopper.join();

  EXPECT_TRUE(first_ended);
  EXPECT_FALSE(second_ran);
  EXPECT_EQ(token.use_count(), 1);  // the dropped job has let go of what it held
}

TEST(ThreadPool, RefusesJobsAfterStop) {
  ThreadPool pool(1);
  pool.stop();
  pool.stop();  // twice is fine

  EXPECT_EQ(pool.submit([] {}).error().code, ErrorCode::Cancelled);
}

TEST(ThreadPool, RefusesJobsWhenTheQueueIsFull) {
  std::promise<void> is_running;
  std::promise<void> may_end;
  ThreadPool pool(1);
  ASSERT_TRUE(pool.submit([&] {
    is_running.set_value();
    may_end.get_future().wait();
  }));
  is_running.get_future().wait();
  for (std::size_t i = 0; i < kMaxQueuedJobs; ++i) ASSERT_TRUE(pool.submit([] {}));

  EXPECT_EQ(pool.submit([] {}).error().code, ErrorCode::ResourceExhausted);
  may_end.set_value();
}

// Submits to the pool when it is destroyed, as a reply that is dropped may do.
struct SubmitsWhenDropped {
  ThreadPool& pool;
  std::atomic<bool>& was_refused;
  ~SubmitsWhenDropped() {
    was_refused = !pool.submit([] {});
  }
};

TEST(ThreadPool, AJobThatIsDroppedMayCallThePool) {
  std::promise<void> is_running;
  std::promise<void> may_end;
  std::atomic<bool> was_refused = false;
  ThreadPool pool(1);
  ASSERT_TRUE(pool.submit([&] {
    is_running.set_value();
    may_end.get_future().wait();
  }));
  is_running.get_future().wait();
  {
    auto dropped = std::make_shared<SubmitsWhenDropped>(pool, was_refused);
    ASSERT_TRUE(pool.submit([dropped] {}));
  }

  std::thread stopper([&] { pool.stop(); });
  while (pool.submit([] {})) std::this_thread::yield();
  may_end.set_value();
  stopper.join();

  EXPECT_TRUE(was_refused);
}

}  // namespace
}  // namespace pixell
