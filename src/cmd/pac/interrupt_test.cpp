#include "cmd/pac/interrupt.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <mutex>

namespace pixell::cmd {
namespace {

TEST(Interrupt, TurnsCtrlCIntoAStopRequest) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const auto interrupt = Interrupt::catch_signals();
    ASSERT_TRUE(interrupt);
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);

    ASSERT_EQ(::kill(::getpid(), signal), 0);

    // Returns when the stop is requested; nobody else wakes it.
    stopped.wait(lock, (*interrupt)->token(), [] { return false; });
    EXPECT_TRUE((*interrupt)->token().stop_requested());
  }
}

TEST(Interrupt, LeavesTheSignalsAsTheyWere) {
  sigset_t before, after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  { ASSERT_TRUE(Interrupt::catch_signals()); }
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);

  EXPECT_EQ(::sigismember(&before, SIGINT), ::sigismember(&after, SIGINT));
}

}  // namespace
}  // namespace pixell::cmd
