#include "net/sockets.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/testing/temp_directory.hpp"
#include "net/socket_address.hpp"
#include "net/upstream.hpp"

namespace pixell::net {
namespace {

class SocketsTest : public testing::Test {
 protected:
  TempDirectory dir_;
};

TEST_F(SocketsTest, ListensOnAFreeTcpPort) {
  const auto socket = listen_tcp("127.0.0.1", 0);
  ASSERT_TRUE(socket) << socket.error().message;

  const auto port = bound_port(socket->get());

  ASSERT_TRUE(port);
  EXPECT_GT(*port, 0);
  const auto client = start_connect(Upstream(Address{"127.0.0.1:" + std::to_string(*port)}));
  EXPECT_TRUE(client) << client.error().message;
}

TEST_F(SocketsTest, NamesAnAddressInUse) {
  const auto first = listen_tcp("127.0.0.1", 0);
  ASSERT_TRUE(first);
  const auto port = bound_port(first->get());
  ASSERT_TRUE(port);

  const auto second = listen_tcp("127.0.0.1", *port);

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::AlreadyExists);
  EXPECT_EQ(second.error().message,
            "127.0.0.1:" + std::to_string(*port) + ": address already in use");
}

TEST_F(SocketsTest, RefusesNames) {
  const auto socket = listen_tcp("localhost", 0);
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, ErrorCode::InvalidArgument);
}

TEST_F(SocketsTest, GivesAUnixSocketItsMode) {
  const auto old = ::umask(077);
  const auto socket = listen_unix(dir_ / "s", 0666);
  ::umask(old);
  ASSERT_TRUE(socket) << socket.error().message;
  struct stat info {};

  ASSERT_EQ(::stat((dir_ / "s").c_str(), &info), 0);

  EXPECT_EQ(info.st_mode & 0777, 0666u);
  EXPECT_TRUE(S_ISSOCK(info.st_mode));
  EXPECT_FALSE(bound_port(socket->get()));
}

TEST_F(SocketsTest, ReplacesAStaleUnixSocketButNoLiveOne) {
  {
    const auto crashed = listen_unix(dir_ / "s");
    ASSERT_TRUE(crashed);
  }
  const auto fresh = listen_unix(dir_ / "s");
  ASSERT_TRUE(fresh) << fresh.error().message;

  const auto second = listen_unix(dir_ / "s");

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::AlreadyExists);
}

TEST_F(SocketsTest, NeverReplacesAFile) {
  std::ofstream(dir_ / "s") << "data";

  const auto socket = listen_unix(dir_ / "s");

  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, ErrorCode::AlreadyExists);
  EXPECT_TRUE(std::filesystem::is_regular_file(dir_ / "s"));
}

TEST_F(SocketsTest, RefusesLongPaths) {
  const auto socket = listen_unix("/tmp/" + std::string(103, 'x'));
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, ErrorCode::InvalidArgument);
}

TEST_F(SocketsTest, OpensListenersByTheirText) {
  const std::string unix_spec = "unix:" + (dir_ / "s").string();

  EXPECT_TRUE(open_listener(unix_spec));
  EXPECT_TRUE(open_listener("127.0.0.1:0"));
  for (const char* bad : {"", "8080", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "::1:80",
                          "[::1]80", "unix:", "fd:", "fd:x", "fd:-1", "fd:1 "}) {
    const auto opened = open_listener(bad);
    ASSERT_FALSE(opened) << bad;
    EXPECT_EQ(opened.error().code, ErrorCode::InvalidArgument) << bad;
  }
}

TEST_F(SocketsTest, TakesAnInheritedListener) {
  auto listener = listen_tcp("127.0.0.1", 0);
  ASSERT_TRUE(listener);
  const int number =
      ::fcntl(listener->get(), F_DUPFD, 3);  // blocking flags are shared, CLOEXEC not
  ASSERT_GE(number, 3);

  const auto opened = open_listener("fd:" + std::to_string(number));

  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->get(), number);
  EXPECT_NE(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(number, F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(SocketsTest, RefusesAnInheritedDescriptorThatDoesNotListen) {
  const UniqueFd plain(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

  const auto opened = open_listener("fd:" + std::to_string(plain.get()));

  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::InvalidArgument);
  EXPECT_GE(::fcntl(plain.get(), F_GETFD), 0) << "it must stay open";
}

TEST(ParseAddress, ChecksTheForm) {
  EXPECT_TRUE(parse_address("127.0.0.1:80"));
  EXPECT_TRUE(parse_address("[::1]:80"));
  EXPECT_TRUE(parse_address("unix:/run/x.sock"));
  for (const char* bad : {"", "localhost:80", "127.0.0.1", "127.0.0.1:0", "unix:", "[::1]"}) {
    EXPECT_FALSE(parse_address(bad)) << bad;
  }
}

TEST_F(SocketsTest, ConnectErrorsAreUnavailable) {
  const auto missing = start_connect(Upstream(Address{"unix:" + (dir_ / "none").string()}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(missing.error().retry, Retry::Never);
}

TEST_F(SocketsTest, AFullUnixBacklogMayBeTriedAgain) {
  const auto listener = listen_unix(dir_ / "s", 0600, 0);
  ASSERT_TRUE(listener);
  const Address address{"unix:" + (dir_ / "s").string()};
  std::vector<UniqueFd> waiting;

  Result<UniqueFd> next = start_connect(Upstream(address));
  while (next && waiting.size() < 10) {
    waiting.push_back(std::move(*next));
    next = start_connect(Upstream(address));
  }

  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().retry, Retry::Later);
}

TEST(PeerText, PrintsAddresses) {
  sockaddr_storage storage{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(81);
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(peer_text(storage), "127.0.0.1:81");
  storage = {};
  storage.ss_family = AF_UNIX;
  EXPECT_EQ(peer_text(storage), "unix");
}

}  // namespace
}  // namespace pixell::net
