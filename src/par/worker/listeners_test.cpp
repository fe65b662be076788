#include "par/worker/listeners.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "net/sockets.hpp"

namespace pixell::par {
namespace {

constexpr const char* kHead =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n";
constexpr const char* kTail = " 00000000:00000000 00:00000000 00000000 ";

std::string line(const std::string& local, const std::string& state, const std::string& rest) {
  return "   0: " + local + " 00000000:0000 " + state + kTail + rest + "\n";
}

TEST(Listeners, AreReadFromWhatTheKernelPrints) {
  const auto found = parse_listeners(kHead + line("0100007F:1F90", "0A", " 1001        0 777 1 x") +
                                     line("00000000:0BB8", "0A", " 0        0 778 1 x") +
                                     line("0100A8C0:0BB9", "0A", " 5        0 779 1 x") +
                                     line("0100007F:1F90", "01", " 9        0 780 1 x"));

  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].address, "127.0.0.1");
  EXPECT_EQ(found[0].port, 8080);
  EXPECT_EQ(found[0].user, 1001U);
  EXPECT_EQ(found[0].inode, 777U);
  EXPECT_EQ(found[1].address, "0.0.0.0");
  EXPECT_TRUE(found[1].takes_loopback);
  EXPECT_EQ(found[2].address, "192.168.0.1");
  EXPECT_FALSE(found[2].takes_loopback);
}

TEST(Listeners, OfIpv6AreReadToo) {
  const std::string zeros(32, '0');
  const auto found =
      parse_listeners(line(zeros + ":0BB8", "0A", "1 0 7 1") +
                      line("0000000000000000FFFF00000100007F:0BB9", "0A", "2 0 8 1") +
                      line("00000000000000000000000001000000:0BBA", "0A", "3 0 9 1"));

  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].address, "::");
  EXPECT_TRUE(found[0].takes_loopback);
  EXPECT_EQ(found[1].address, "::ffff:127.0.0.1");
  EXPECT_TRUE(found[1].takes_loopback);
  EXPECT_EQ(found[2].address, "::1");
  EXPECT_FALSE(found[2].takes_loopback);
}

TEST(Listeners, SkipLinesOfAnotherForm) {
  for (const char* text :
       {"", "\n\n", "  sl  local_address", "0: x 0 0A", "0: 01:1F90 0 0A a b 7 0 0 1",
        "0: 0100007F:XX 0 0A 0 0 0 7 0 1", "0: 0100007F:1F90 0 0A 0 0 0 x 0 1"})
    EXPECT_TRUE(parse_listeners(text).empty()) << text;
}

TEST(Listeners, TellWhoGetsALoopbackPort) {
  const std::vector<Listener> all = {
      {.address = "127.0.0.1", .port = 80, .user = 1, .takes_loopback = true},
      {.address = "::", .port = 80, .user = 2, .takes_loopback = true},
      {.address = "::", .port = 81, .user = 3, .takes_loopback = true},
      {.address = "10.0.0.1", .port = 82, .user = 4, .takes_loopback = false}};

  EXPECT_EQ(users_of_loopback_port(all, 80), std::vector<uid_t>{1});
  EXPECT_EQ(users_of_loopback_port(all, 81), std::vector<uid_t>{3});
  EXPECT_TRUE(users_of_loopback_port(all, 82).empty());
}

TEST(Listeners, OfAnotherUserAreNotTheAgents) {
  const UniqueFd listener = net::listen_tcp("127.0.0.1", 0).value();
  const std::uint16_t port = net::bound_port(listener.get()).value();

  EXPECT_FALSE(check_listener(port, ::geteuid()));
  const auto failure = check_listener(port, ::geteuid() + 1);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->cause, model::Cause::PortNotBound);
  EXPECT_NE(failure->message.find(std::to_string(port)), std::string::npos);
  ASSERT_EQ(failure->evidence.size(), 2U);
  EXPECT_NE(failure->remedy.find("PAR_SOCKET"), std::string::npos);
}

TEST(Listeners, ThatHaveGoneAreNobodys) {
  UniqueFd listener = net::listen_tcp("127.0.0.1", 0).value();
  const std::uint16_t port = net::bound_port(listener.get()).value();
  listener.reset();

  ASSERT_TRUE(check_listener(port, ::geteuid()));
  EXPECT_EQ(check_listener(port, ::geteuid())->evidence.at(0), "nobody listens on it any more");
}

TEST(Listeners, OfAGroupAreTold) {
  const UniqueFd listener = net::listen_tcp("127.0.0.1", 0).value();
  const std::string wanted = "the agent's process listens on 127.0.0.1:" +
                             std::to_string(net::bound_port(listener.get()).value());

  EXPECT_EQ(std::ranges::count(listening_places(::getpgrp()), wanted), 1);
  EXPECT_TRUE(listening_places(0x7ffffff0).empty());
}

}  // namespace
}  // namespace pixell::par
