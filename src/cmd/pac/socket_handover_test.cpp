#include "cmd/pac/socket_handover.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/pac/role_record.hpp"
#include "cmd/pac/serve_claim.hpp"
#include "cmd/pac/testing/api_server.hpp"
#include "net/sockets.hpp"

namespace pixell::cmd {
namespace {

constexpr Millis kPatience{5'000};

class SocketHandoverTest : public ::testing::Test {
 protected:
  // A new listening socket; its port is the last of `ports_`.
  UniqueFd listen() {
    UniqueFd socket = std::move(net::listen_tcp("127.0.0.1", 0).value());
    ports_.push_back(*net::bound_port(socket.get()));
    return socket;
  }
  std::unique_ptr<SocketHandover> hand_out(int count, const std::filesystem::path& path) {
    std::vector<UniqueFd> sockets;
    for (int i = 0; i < count; ++i) sockets.push_back(listen());
    auto handover = SocketHandover::start(path, std::move(sockets));
    EXPECT_TRUE(handover) << handover.error().message;
    return std::move(*handover);
  }

  TempDirectory directory_;
  std::vector<std::uint16_t> ports_;
};

TEST_F(SocketHandoverTest, GivesWhoeverAsksDuplicatesOfAllSockets) {
  const auto handover = hand_out(kMaxListeners, directory_ / "s");

  for (int asker = 0; asker < 3; ++asker) {
    const auto taken = take_sockets(directory_ / "s", kPatience);
    ASSERT_TRUE(taken) << taken.error().message;
    ASSERT_EQ(taken->size(), kMaxListeners);
    for (std::size_t i = 0; i < taken->size(); ++i)
      EXPECT_EQ(*net::bound_port((*taken)[i].get()), ports_[i]);
  }
}

TEST_F(SocketHandoverTest, MayHaveNothingToGive) {
  const auto handover = hand_out(0, directory_ / "s");

  const auto taken = take_sockets(directory_ / "s", kPatience);

  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_TRUE(taken->empty());
}

TEST_F(SocketHandoverTest, TellsWhenNobodyIsThere) {
  { const auto handover = hand_out(1, directory_ / "s"); }

  EXPECT_EQ(take_sockets(directory_ / "s", kPatience).error().code, ErrorCode::Unavailable);
  EXPECT_EQ(take_sockets(directory_ / "none", kPatience).error().code, ErrorCode::NotFound);
}

TEST_F(SocketHandoverTest, WaitsNoLongerThanAskedForOneWhoHangs) {
  const auto hung = net::listen_unix(directory_ / "s");
  ASSERT_TRUE(hung);

  const auto taken = take_sockets(directory_ / "s", Millis(20));

  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::Unavailable);
  EXPECT_NE(taken.error().message.find("within 20 ms"), std::string::npos);
}

TEST_F(SocketHandoverTest, ClosesTheSocketsWhenItStops) {
  const auto handover = hand_out(1, directory_ / "s");

  handover->stop();

  EXPECT_TRUE(net::listen_tcp("127.0.0.1", ports_[0])) << "nobody holds the port";
}

// This process stands for a role that a killed `pac serve` left behind.
TEST_F(SocketHandoverTest, LetsTheNextServeGoOnWithTheSocketsOfTheFormer) {
  const auto state = directory_ / "state";
  ASSERT_TRUE(record_role(state, "control"));
  const auto handover = hand_out(2, handover_socket(state, ::getpid()));
  const auto spec = [this](std::size_t i) { return "127.0.0.1:" + std::to_string(ports_[i]); };

  const auto claim =
      claim_state_and_ports(state, {.plain = {spec(1), "127.0.0.1:0"}, .also = spec(0)});

  ASSERT_TRUE(claim) << claim.error().message;
  EXPECT_EQ(claim->addresses, spec(1) + ", " + spec(0)) << "port 0 is any that is there";
  EXPECT_NE(claim->missed, "") << "it is served already";
}

}  // namespace
}  // namespace pixell::cmd
