#include "cmd/pac/commands/event_position.hpp"

#include <gtest/gtest.h>

#include "cmd/pac/arguments.hpp"
#include "cmd/pac/testing/fake_pixell.hpp"

namespace pixell::cmd {
namespace {

using nlohmann::json;

// A history with the given sequence numbers; each event happened at its number in seconds.
class EventPositionTest : public ::testing::Test {
 protected:
  Outcome<std::int64_t> find(std::vector<std::int64_t> sequences,
                             UnixMillis since = std::numeric_limits<UnixMillis>::max()) {
    testing::ApiServer pixell([sequences](const net::RequestHead& head, auto&) {
      const std::size_t at = head.target.find("after=") + 6;
      const std::int64_t after = std::stoll(head.target.substr(at));
      json events = json::array();
      for (const std::int64_t sequence : sequences)
        if (events.empty() && sequence > after)
          events.push_back({{"sequence", sequence}, {"at", iso8601(sequence * 1000)}});
      return api::json_reply(200, {{"events", events}, {"last_sequence", after}});
    });
    const auto found = event_position(ApiClient(pixell.url()), "", since);
    asked_ = pixell.requests();
    return found;
  }
  int asked_ = 0;
};

TEST_F(EventPositionTest, IsTheEndOfTheHistory) {
  EXPECT_EQ(find({}).value(), 0);
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(find({1}).value(), 1);
  EXPECT_EQ(find({1, 2, 3, 500}).value(), 500);
  EXPECT_EQ(find({70, 71, 4'000'000}).value(), 4'000'000);
  EXPECT_LT(asked_, 60);
}

TEST_F(EventPositionTest, IsBeforeTheFirstEventSinceAMoment) {
  EXPECT_EQ(find({1, 2, 3, 500, 501}, 500'000).value(), 3);
  EXPECT_EQ(find({1, 2, 3}, 0).value(), 0);
  EXPECT_EQ(find({1, 2, 3}, 9'000).value(), 3);
}

TEST_F(EventPositionTest, FailsAsTheApiDoes) {
  testing::ApiServer away([](auto&, auto&) { return api::problem(503, "away"); });

  const auto found = event_position(ApiClient(away.url()), "");

  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ExitCode::NotReachable);
}

}  // namespace
}  // namespace pixell::cmd
