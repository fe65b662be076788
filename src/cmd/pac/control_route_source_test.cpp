#include "cmd/pac/control_route_source.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cmd/pac/testing/api_server.hpp"

namespace pixell::cmd {
namespace {

class ControlRouteSourceTest : public ::testing::Test {
 protected:
  // Control answers every request with `reply`.
  Result<std::optional<model::RouteSnapshot>> next(api::Reply reply, std::int64_t after = 7) {
    testing::ApiServer control(
        [&](const net::RequestHead& head, net::BodyReader&) {
          target_ = head.target;
          return reply;
        },
        net::listen_unix(socket_).value());
    return source_.next(after, Millis(250), {});
  }

  TempDirectory directory_;
  std::filesystem::path socket_ = directory_ / "control.sock";
  std::unique_ptr<ControlLink> link_ = make_socket_link(socket_);
  ControlRouteSource source_{*link_, "edge1"};
  std::string target_;
};

TEST_F(ControlRouteSourceTest, PullsTheNextSnapshotAndTellsWhatItHas) {
  const model::RouteSnapshot sent{.generation = 8,
                                  .routes = {{.app_id = "hello", .short_id = "abcdefgh"}}};

  const auto got = next({.status = 200, .body = model::to_json(sent).dump()});

  ASSERT_TRUE(got) << got.error().message;
  ASSERT_TRUE(got->has_value());
  EXPECT_EQ((*got)->generation, 8);
  EXPECT_EQ((*got)->routes.at(0).app_id, "hello");
  EXPECT_EQ(target_, "/internal/routes?after=7&edge=edge1&timeout_ms=250");
}

TEST_F(ControlRouteSourceTest, DoesNotTellWhoItIsOnceAnotherIsTheEdge) {
  source_.stop_acknowledging();

  ASSERT_TRUE(next({.status = 204}));

  EXPECT_EQ(target_, "/internal/routes?after=7&edge=&timeout_ms=250");
}

TEST_F(ControlRouteSourceTest, HasNothingNewWhenThePollEnds) {
  const auto got = next({.status = 204});

  ASSERT_TRUE(got) << got.error().message;
  EXPECT_FALSE(got->has_value());
}

TEST_F(ControlRouteSourceTest, IsUnavailableWhileControlIsAway) {
  const auto got = source_.next(7, Millis(250), {});

  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::Unavailable);
}

TEST_F(ControlRouteSourceTest, RefusesAnswersItCannotRead) {
  EXPECT_EQ(next({.status = 500, .body = "{}"}).error().code, ErrorCode::Unavailable);
  EXPECT_EQ(next({.status = 200, .body = "{"}).error().code, ErrorCode::DataLoss);
  EXPECT_EQ(next({.status = 200, .body = "[]"}).error().code, ErrorCode::InvalidArgument);
}

TEST_F(ControlRouteSourceTest, EndsWhenItIsAskedTo) {
  std::stop_source stop;
  stop.request_stop();

  EXPECT_EQ(source_.next(7, Millis(250), stop.get_token()).error().code, ErrorCode::Cancelled);
}

}  // namespace
}  // namespace pixell::cmd
