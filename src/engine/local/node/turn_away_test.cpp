#include "engine/local/node/turn_away.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "model/health.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::engine::node {
namespace {

namespace fixture = net::fixture;

class TurnAway : public ::testing::Test {
 protected:
  // A request that waits in the backlog.
  net::ClientStream& post(net::Protocol protocol, fixture::Answer& answer) {
    net::ClientStream& stream =
        client_.open({"unix:" + path_.string()}, protocol, fixture::request("POST", "/x"), answer);
    stream.send_data("body");
    stream.finish();
    driver_.settle();
    return stream;
  }

  fixture::TempDirectory directory_;
  std::filesystem::path path_ = directory_ / "sock";
  UniqueFd listener_ = net::listen_unix(path_).value();
  fixture::Driver driver_;
  net::HttpClient client_{driver_.loop()};
  fixture::Answer answer_{driver_};
};

TEST_F(TurnAway, SaysToHttp1ThatNothingWasRead) {
  post(net::Protocol::Http1, answer_);

  EXPECT_EQ(turn_away_waiting(listener_.get()), 1);

  ASSERT_TRUE(driver_.until([&] { return answer_.is_over(); }));
  EXPECT_EQ(answer_.status(), 503);
  EXPECT_TRUE(answer_.head->headers.has(model::kNotReadyHeader));
}

TEST_F(TurnAway, LeavesOutEveryStreamOfHttp2) {
  net::ClientStream& stream = post(net::Protocol::Http2, answer_);
  bool has_started = true;

  EXPECT_EQ(turn_away_waiting(listener_.get()), 1);

  ASSERT_TRUE(driver_.until([&] {
    if (answer_.reason) has_started = stream.request_started();
    return answer_.is_over();
  }));
  EXPECT_EQ(answer_.reason, net::AbortReason::UnusedClosed);
  EXPECT_FALSE(has_started);
}

TEST_F(TurnAway, AnswersAllWhoWaitAndClosesWhoIsSilent) {
  const UniqueFd silent(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un place{.sun_family = AF_UNIX, .sun_path = {}};
  path_.string().copy(place.sun_path, sizeof place.sun_path - 1);
  ASSERT_EQ(::connect(silent.get(), reinterpret_cast<sockaddr*>(&place), sizeof place), 0);
  fixture::Answer other(driver_);
  post(net::Protocol::Http1, answer_);
  post(net::Protocol::Http1, other);

  EXPECT_EQ(turn_away_waiting(listener_.get()), 2);
  EXPECT_EQ(turn_away_waiting(listener_.get()), 0);

  char byte = 0;
  EXPECT_EQ(::recv(silent.get(), &byte, 1, 0), 0);
  ASSERT_TRUE(driver_.until([&] { return answer_.is_over() && other.is_over(); }));
}

}  // namespace
}  // namespace pixell::engine::node
