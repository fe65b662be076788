#include "base/fair_pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <vector>

namespace pixell {
namespace {

using ::testing::ElementsAre;

TEST(FairPool, ServesGroupsInTurn) {
  FairPool pool(1);
  std::promise<void> open, done;
  std::vector<std::string> order;  // used by the pool's one thread only
  ASSERT_TRUE(pool.submit("a", [&] { open.get_future().wait(); }));
  for (const char* name : {"a1", "a2", "a3"})
    ASSERT_TRUE(pool.submit("a", [&order, name] { order.push_back(name); }));
  ASSERT_TRUE(pool.submit("b", [&] { order.push_back("b1"); }));
  ASSERT_TRUE(pool.submit("c", [&] { order.push_back("c1"); }));
  ASSERT_TRUE(pool.submit("a", [&] { done.set_value(); }));

  open.set_value();
  done.get_future().wait();

  EXPECT_THAT(order, ElementsAre("b1", "c1", "a1", "a2", "a3"));
}

TEST(FairPool, RefusesJobsAfterItsStop) {
  FairPool pool(1);
  pool.stop();

  EXPECT_EQ(pool.submit("a", [] {}).error().code, ErrorCode::Cancelled);
}

}  // namespace
}  // namespace pixell
