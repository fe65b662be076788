#include "edge/parking.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/testing/wire_fixture.hpp"

namespace pixell::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ParkingTest : public ::testing::Test {
 protected:
  // A request with a name. It writes down what it is told, then does what the test says.
  struct Guest {
    std::string name;
    Instant arrived;
    ParkingLot::Ticket ticket;
    std::function<void(Guest&)> when_woken;
  };

  Guest& guest(const std::string& name) {
    guests_.push_back(std::make_unique<Guest>());
    guests_.back()->name = name;
    guests_.back()->arrived = clock_.now();
    return *guests_.back();
  }
  std::expected<void, Unserved> park(Guest& guest, const std::string& app = "hello") {
    auto ticket = lot_.park(
        app, {.arrived = guest.arrived,
              .deadline = lot_.deadline_of(guest.arrived),
              .on_over = [this, &guest](ParkingLot::Over over) {
                told_.push_back(guest.name +
                                (over == ParkingLot::Over::Woken ? " woken" : " timed out"));
                if (guest.when_woken) guest.when_woken(guest);
              }});
    if (!ticket) return std::unexpected(ticket.error());
    guest.ticket = std::move(*ticket);
    return {};
  }
  Guest& parked(const std::string& name, const std::string& app = "hello") {
    Guest& made = guest(name);
    EXPECT_TRUE(park(made, app)) << name;
    return made;
  }
  void pass(Millis time) {
    clock_.advance(time);
    driver_.settle();
  }

  FakeClock clock_;
  net::fixture::Driver driver_{clock_};
  ParkingLimits limits_{.per_app = 4, .per_loop = 6};
  std::vector<std::unique_ptr<Guest>> guests_;
  ParkingLot lot_{driver_.loop(), limits_};
  std::vector<std::string> told_;
};

TEST_F(ParkingTest, WakesThoseOfAnAppInTheOrderTheyCame) {
  parked("a");
  parked("x", "other");
  parked("b");
  parked("c");
  EXPECT_TRUE(told_.empty());

  lot_.wake("hello");

  EXPECT_THAT(told_, ElementsAre("a woken", "b woken", "c woken"));
  EXPECT_EQ(lot_.figures().waiting, 1);
  EXPECT_EQ(lot_.figures().parked, 4);
}

TEST_F(ParkingTest, EndsAWaitAtItsDeadline) {
  lot_.lost_targets("hello", clock_.now());
  parked("a");
  pass(kMaxParkingTime / 2);
  parked("b");

  pass(kMaxParkingTime / 2 - Millis(1));
  EXPECT_TRUE(told_.empty());
  pass(Millis(1));

  EXPECT_THAT(told_, ElementsAre("a timed out"));
  EXPECT_EQ(lot_.figures().timed_out, 1);
  EXPECT_EQ(lot_.figures().waiting, 1);
}

TEST_F(ParkingTest, ForgetsARequestWhoseTicketGoes) {
  parked("a");
  Guest& b = parked("b");
  parked("c");

  b.ticket = {};
  lot_.wake("hello");

  EXPECT_THAT(told_, ElementsAre("a woken", "c woken"));
  EXPECT_EQ(lot_.figures().waiting, 0);
}

TEST_F(ParkingTest, KeepsThePlaceOfATicketThatIsMoved) {
  Guest& a = parked("a");
  ParkingLot::Ticket moved = std::move(a.ticket);
  EXPECT_FALSE(a.ticket.is_waiting());

  lot_.wake("hello");

  EXPECT_THAT(told_, ElementsAre("a woken"));
  EXPECT_FALSE(moved.is_waiting());
}

TEST_F(ParkingTest, LetsOneThatIsWokenTakeOthersAlong) {
  Guest& a = parked("a");
  Guest& b = parked("b");
  parked("c");
  a.when_woken = [&](Guest&) { b.ticket = {}; };

  lot_.wake("hello");

  EXPECT_THAT(told_, ElementsAre("a woken", "c woken"));
}

TEST_F(ParkingTest, GivesOneThatComesAgainItsOldPlace) {
  for (const char* name : {"a", "b"}) {
    Guest& made = parked(name);
    made.when_woken = [&](Guest& guest) {
      guest.when_woken = nullptr;
      EXPECT_TRUE(park(guest));
    };
    clock_.advance(Millis(1));
  }
  lot_.wake("hello");
  parked("c");
  told_.clear();

  lot_.wake("hello");

  EXPECT_THAT(told_, ElementsAre("a woken", "b woken", "c woken"));
}

TEST_F(ParkingTest, LetsTheFirstInLineLookWhetherFailedTargetsWorkAgain) {
  Guest& a = parked("a");
  a.when_woken = [&](Guest& guest) { EXPECT_TRUE(park(guest)); };
  clock_.advance(Millis(1));
  Guest& b = parked("b");

  pass(kParkedRetryInterval);
  pass(kParkedRetryInterval);
  EXPECT_THAT(told_, ElementsAre("a woken", "a woken"));
  a.when_woken = nullptr;  // it is served
  pass(kParkedRetryInterval);

  EXPECT_THAT(told_, ElementsAre("a woken", "a woken", "a woken"));
  EXPECT_TRUE(b.ticket.is_waiting()) << "until a reply shows that the target works";
}

TEST_F(ParkingTest, LooksForNoTargetsWhereRoutesHaveNone) {
  lot_.lost_targets("hello", clock_.now());
  parked("a");

  for (int i = 0; i < 10; ++i) pass(kParkedRetryInterval);

  EXPECT_TRUE(told_.empty());
}

TEST_F(ParkingTest, RefusesMoreOfOneAppThanItHasRoomFor) {
  for (const char* name : {"a", "b", "c", "d"}) parked(name);

  EXPECT_EQ(park(guest("e")).error(), Unserved::AppFull);
  parked("x", "other");
  EXPECT_EQ(lot_.figures().refused, 1);

  guests_.front()->ticket = {};
  EXPECT_TRUE(park(guest("f")));
}

TEST_F(ParkingTest, RefusesMoreOfAllAppsThanItHasRoomFor) {
  for (const char* name : {"a", "b", "c"}) {
    parked(name, "one");
    parked(name, "two");
  }

  EXPECT_EQ(park(guest("d"), "three").error(), Unserved::LoopFull);
}

TEST_F(ParkingTest, RefusesAtOnceWhenTheAppIsDownForLonger) {
  lot_.lost_targets("hello", clock_.now());
  pass(kMaxParkingTime);
  parked("a");
  pass(Millis(1));

  EXPECT_EQ(park(guest("b")).error(), Unserved::AppIsDown);
  lot_.wake("hello");

  EXPECT_FALSE(lot_.is_any_down());
  EXPECT_TRUE(park(guest("c")));
}

TEST_F(ParkingTest, CountsAnAppAsDownFromTheFirstRequestThatFoundNoTarget) {
  parked("a");
  pass(kMaxParkingTime + Millis(1));

  EXPECT_EQ(park(guest("b")).error(), Unserved::AppIsDown);
}

TEST_F(ParkingTest, LetsOneThatCameBeforeWaitOnWhenItsAppIsDownForLong) {
  lot_.lost_targets("hello", clock_.now());
  pass(kMaxParkingTime / 2);
  Guest& a = guest("a");
  ASSERT_TRUE(park(a));
  pass(kMaxParkingTime / 2 + Millis(1));
  a.ticket = {};

  EXPECT_TRUE(park(a)) << "it may wait to its deadline";
}

TEST_F(ParkingTest, KnowsSinceWhenAnAppHasNoTargetFromTheFirstWord) {
  lot_.lost_targets("hello", clock_.now());
  pass(kMaxParkingTime + Millis(1));
  lot_.lost_targets("hello", clock_.now());

  EXPECT_EQ(park(guest("a")).error(), Unserved::AppIsDown);
  EXPECT_THAT(lot_.down(), ElementsAre("hello"));
}

TEST_F(ParkingTest, DoesNotLetARequestWaitPastItsDeadline) {
  Guest& a = guest("a");
  pass(kMaxParkingTime);

  EXPECT_EQ(park(a).error(), Unserved::TimedOut);
  EXPECT_EQ(lot_.figures().timed_out, 1);
}

TEST_F(ParkingTest, ForgetsThoseThatWaitWhenItGoes) {
  ParkingLot::Ticket ticket;
  {
    ParkingLot lot(driver_.loop());
    ticket = std::move(*lot.park("hello", {.arrived = clock_.now(),
                                           .deadline = lot.deadline_of(clock_.now()),
                                           .on_over = [](ParkingLot::Over) { FAIL(); }}));
  }
  EXPECT_FALSE(ticket.is_waiting());
  pass(kMaxParkingTime);
}

TEST(DescribeUnserved, NamesTheAppTheLimitAndTheRemedy) {
  for (const Unserved why :
       {Unserved::TimedOut, Unserved::AppFull, Unserved::LoopFull, Unserved::AppIsDown}) {
    const std::string text = describe_unserved("hello", why);
    EXPECT_THAT(text, HasSubstr("agent 'hello'"));
    EXPECT_THAT(text, HasSubstr("try again"));
  }
  EXPECT_THAT(describe_unserved("hello", Unserved::TimedOut), HasSubstr("within 10 s"));
  EXPECT_THAT(describe_unserved("hello", Unserved::AppFull), HasSubstr("256 requests"));
}

}  // namespace
}  // namespace pixell::edge
