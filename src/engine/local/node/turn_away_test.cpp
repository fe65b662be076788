#include "engine/local/node/turn_away.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <thread>

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

  sockaddr_un place() const {
    sockaddr_un place{.sun_family = AF_UNIX, .sun_path = {}};
    path_.string().copy(place.sun_path, sizeof place.sun_path - 1);
    return place;
  }

  TempDirectory directory_;
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
  const sockaddr_un at = place();
  ASSERT_EQ(::connect(silent.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  fixture::Answer other(driver_);
  post(net::Protocol::Http1, answer_);
  post(net::Protocol::Http1, other);

  EXPECT_EQ(turn_away_waiting(listener_.get()), 2);
  EXPECT_EQ(turn_away_waiting(listener_.get()), 0);

  char byte = 0;
  EXPECT_EQ(::recv(silent.get(), &byte, 1, 0), 0);
  ASSERT_TRUE(driver_.until([&] { return answer_.is_over() && other.is_over(); }));
}

// Connects and sends until it is refused; what was sent and got no answer is lost.
struct Sender {
  int answered = 0;
  int lost = 0;

  void send_until_refused(const sockaddr_un& place, std::atomic<int>& connected) {
    while (true) {
      const UniqueFd peer(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(peer.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place) != 0)
        return;
      ++connected;
      if (::send(peer.get(), "POST", 4, MSG_NOSIGNAL) < 0) continue;
      char byte = 0;
      (::recv(peer.get(), &byte, 1, 0) == 1 ? answered : lost) += 1;
    }
  }
};

TEST_F(TurnAway, LosesNothingThatIsSentWhileItLooks) {
  constexpr int kRounds = 500;
  int answered = 0;
  for (int i = 0; i < kRounds; ++i) {
    listener_.reset();
    ::unlink(path_.c_str());
    listener_ = net::listen_unix(path_).value();
    Sender sender;
    std::atomic<int> connected = 0;
    std::thread thread([&] { sender.send_until_refused(place(), connected); });
    while (connected == 0) std::this_thread::yield();
    const int told = turn_away_waiting(listener_.get());
    listener_.reset();
    thread.join();
    ASSERT_EQ(sender.lost, 0) << "in round " << i;
    ASSERT_EQ(sender.answered, told);
    answered += told;
  }
  EXPECT_GT(answered, 0);
}

}  // namespace
}  // namespace pixell::engine::node
