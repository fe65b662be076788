#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/testing/http1_fixture.hpp"

// Bodies of the server side of HTTP/1 that are sent out of files.

namespace pixell::net {
namespace {

using namespace fixture;

// More than the socket buffers of loopback take.
constexpr std::size_t kMuch = 16 * 1024 * 1024;

class Http1File : public Http1Test {
 protected:
  Http1File() { ::signal(SIGPIPE, SIG_IGN); }  // as programs that send files have it

  void write(std::string_view content) {
    const std::filesystem::path path = directory_ / "file";
    ASSERT_TRUE(write_file_atomically(path, content, 0644, Durability::ProcessCrash));
    file.reset(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(file);
  }
  // Answers each request with `size` bytes, of which the file has the ones behind the first `at`.
  void serve(std::size_t size, std::size_t at = 0) {
    start([this, size, at](ServerStream& s) {
      stream = &s;
      offset = at;
      ResponseHead head;
      head.headers.add("content-length", std::to_string(size));
      s.send_head(head, false);
      if (at > 0) s.send_data(std::string(at, '-'));
      auto handler = script();
      handler->writable = [this, size] {
        ++writables;
        send(size);
      };
      handler->abort = [this](AbortReason why) { aborts.push_back(why); };
      send(size);
      return handler;
    });
  }
  void send(std::size_t size) {
    const ssize_t sent =
        stream->send_file(file.get(), static_cast<std::int64_t>(offset), size - offset);
    if (sent == 0) {
      was_short = true;
      return stream->reset(ResetCode::InternalError);
    }
    if (sent < 0) {
      EXPECT_EQ(errno, EAGAIN);
      return;
    }
    offset += static_cast<std::size_t>(sent);
    if (offset == size) stream->finish();
  }

  TempDirectory directory_;
  UniqueFd file;
  std::size_t offset = 0;
  bool was_short = false;
};

std::string reply_of(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

TEST_F(Http1File, FollowsWhatWasSentBefore) {
  write("12345");
  serve(5, 2);
  RawPeer peer = connect();

  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

  ASSERT_TRUE(peer.got("345"));
  EXPECT_EQ(peer.received, reply_of("--345"));
}

TEST_F(Http1File, ReachesASlowReaderWhole) {
  const std::string content = pattern(kMuch);
  write(content);
  serve(kMuch);
  RawPeer peer = connect();

  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  // Nothing goes round while the socket is full.
  int turns = -1;
  ASSERT_TRUE(eventually(driver, [&] { return std::exchange(turns, writables) == writables; }));
  const std::size_t before_reading = offset;

  ASSERT_TRUE(peer.got_bytes(reply_of(content).size()));
  EXPECT_LT(before_reading, kMuch);
  EXPECT_GT(writables, turns);
  EXPECT_TRUE(peer.received == reply_of(content));
  EXPECT_TRUE(peer.is_open());
}

TEST_F(Http1File, AnswersPipelinedRequestsInOrder) {
  const std::string content = pattern(3 * kMaxFileSendBytes);
  write(content);
  serve(content.size());
  RawPeer peer = connect();

  const std::string one = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  peer.send(one + one + one);

  const std::string reply = reply_of(content);
  ASSERT_TRUE(peer.got_bytes(3 * reply.size()));
  EXPECT_TRUE(peer.received == reply + reply + reply);
}

TEST_F(Http1File, ThatBecomesShorterCutsTheConnection) {
  write(pattern(kMuch));
  serve(kMuch);
  RawPeer peer = connect();
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  driver.settle();

  ASSERT_EQ(::ftruncate(file.get(), 1000), 0);

  ASSERT_TRUE(peer.is_closed());
  EXPECT_TRUE(was_short);
  EXPECT_LT(peer.received.size(), kMuch);
}

TEST_F(Http1File, EndsWithItsClient) {
  write(pattern(kMuch));
  serve(kMuch);
  RawPeer peer = connect();
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  driver.settle();

  peer.close();

  ASSERT_TRUE(is_aborted());
  EXPECT_EQ(aborts.front(), AbortReason::PeerClosed);
}

TEST_F(Http1File, IsCutWhenItsClientReadsNothing) {
  constexpr Millis kLimit{10'000};
  write(pattern(kMuch));
  start(
      [this](ServerStream& s) {
        stream = &s;
        ResponseHead head;
        head.headers.add("content-length", std::to_string(kMuch));
        s.send_head(head, false);
        auto handler = script();
        handler->writable = [this] { send(kMuch); };
        handler->abort = [this](AbortReason why) { aborts.push_back(why); };
        send(kMuch);
        return handler;
      },
      {.send_stall_timeout = kLimit});
  RawPeer peer = connect();
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  for (int i = 0; i < 10; ++i) driver.settle();

  clock.advance(kLimit - Millis(1));
  driver.settle();
  const bool was_cut_early = !aborts.empty();
  clock.advance(kLimit);
  driver.settle();
  clock.advance(kLimit);
  driver.settle();

  EXPECT_FALSE(was_cut_early);
  ASSERT_EQ(aborts.size(), 1u);
  EXPECT_EQ(aborts.front(), AbortReason::Timeout);
}

TEST_F(Http1File, IsNotSentWhereItWouldHaveToBeFramed) {
  write("12345");
  std::vector<int> refused;
  start([&](ServerStream& s) {
    ResponseHead head;
    if (s.request().target != "/chunked") head.headers.add("content-length", "3");
    s.send_head(head, false);
    const std::size_t length = s.request().target == "/long" ? 5 : 3;
    if (s.send_file(file.get(), 0, length) < 0) refused.push_back(errno);
    s.send_data("abc");
    s.finish();
    return ignore_body();
  });
  RawPeer peer = connect();

  peer.send("GET /chunked HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(peer.got("3\r\nabc\r\n0\r\n\r\n"));
  peer.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(peer.got("\r\n\r\nabc"));
  peer.take();
  peer.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(peer.got("\r\n\r\n"));

  EXPECT_EQ(peer.received, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(refused, std::vector<int>(3, EOPNOTSUPP));
}

}  // namespace
}  // namespace pixell::net
