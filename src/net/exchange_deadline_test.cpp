#include "net/exchange_deadline.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "net/testing/wire_fixture.hpp"

namespace pixell::net {
namespace {

using Limit = ExchangeDeadline::Limit;

class ExchangeDeadlineTest : public ::testing::Test {
 protected:
  void start(TimeLimits limits) {
    deadline_ = std::make_unique<ExchangeDeadline>(driver_.loop(), limits, [this](Limit limit) {
      due_.push_back(limit);
      deadline_.reset();  // as an exchange that ends does
    });
  }
  void pass(Millis time) {
    clock_.advance(time);
    driver_.settle();
  }
  void move() { deadline_->progress(clock_.now()); }

  FakeClock clock_;
  fixture::Driver driver_{clock_};
  std::vector<Limit> due_;
  std::unique_ptr<ExchangeDeadline> deadline_;
};

TEST_F(ExchangeDeadlineTest, EndsAWaitForTheReply) {
  start({.reply = Millis(100)});
  pass(Millis(99));
  move();
  EXPECT_TRUE(due_.empty());
  pass(Millis(1));

  EXPECT_EQ(due_, std::vector{Limit::Reply});
}

TEST_F(ExchangeDeadlineTest, LeavesAReplyThatCameAlone) {
  start({.reply = Millis(100)});
  pass(Millis(50));
  deadline_->replied();
  pass(Millis(24 * 3600 * 1000));

  EXPECT_TRUE(due_.empty());
}

TEST_F(ExchangeDeadlineTest, EndsWhatIsIdleForTheWholeTime) {
  start({.idle = Millis(100)});
  for (int i = 0; i < 10; ++i) {
    pass(Millis(90));
    move();
  }
  EXPECT_TRUE(due_.empty());
  pass(Millis(99));
  EXPECT_TRUE(due_.empty());
  pass(Millis(1));

  EXPECT_EQ(due_, std::vector{Limit::Idle});
}

TEST_F(ExchangeDeadlineTest, EndsACallHoweverBusyItIs) {
  start({.reply = Millis(50), .idle = Millis(60), .total = Millis(200)});
  deadline_->replied();
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(due_.empty());
    pass(Millis(50));
    if (deadline_) move();
  }

  EXPECT_EQ(due_, std::vector{Limit::Total});
}

TEST_F(ExchangeDeadlineTest, EndsWithItsExchange) {
  start({.reply = Millis(100)});
  deadline_.reset();
  pass(Millis(200));

  EXPECT_TRUE(due_.empty());
}

}  // namespace
}  // namespace pixell::net
