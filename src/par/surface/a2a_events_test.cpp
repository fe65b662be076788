#include "par/surface/a2a_events.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/testing/fake_clock.hpp"
#include "par/limits.hpp"

namespace pixell::par {
namespace {

// Keeps what is sent.
struct Sent final : net::ServerStream {
  net::RequestHead request_head;
  net::PeerInfo peer_info;
  net::ResponseHead head;
  std::string body;
  bool is_finished = false;
  bool is_writable = true;

  const net::RequestHead& request() const override { return request_head; }
  const net::PeerInfo& peer() const override { return peer_info; }
  void send_informational(const net::ResponseHead&) override {}
  void send_head(const net::ResponseHead& sent, bool) override { head = sent; }
  bool head_sent() const override { return true; }
  bool send_data(std::string_view bytes) override {
    body += bytes;
    return is_writable;
  }
  void finish(const net::Headers&) override { is_finished = true; }
  void pause() override {}
  void resume() override {}
  void reset(net::ResetCode) override {}

  int count(std::string_view text) const {
    int found = 0;
    for (auto at = body.find(text); at != std::string::npos; at = body.find(text, at + 1)) ++found;
    return found;
  }
};

class EventStreamTest : public testing::Test {
 protected:
  // Lets the loop see the time that has passed.
  void settle() {
    auto end = loop->after(Millis(0), [this] { loop->post([this] { loop->stop(); }); });
    loop->run();
  }
  void pass(Millis time) {
    clock.advance(time);
    settle();
  }

  FakeClock clock;
  std::unique_ptr<net::EventLoop> loop = std::move(*net::EventLoop::create(clock));
  EventStreams all;
  Sent sent;
  int cuts = 0;
  EventStream stream{*loop, all, sent, "t1", [this] { ++cuts; }};
};

TEST_F(EventStreamTest, BeginsWithPaddingThatPassesBuffers) {
  stream.open();

  EXPECT_EQ(sent.head.headers.get("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(sent.head.headers.get("cache-control"), "no-cache");
  EXPECT_EQ(sent.head.headers.get("connection"), "keep-alive");
  EXPECT_EQ(sent.head.headers.get("x-accel-buffering"), "no");
  EXPECT_EQ(sent.body, ": " + std::string(2048, '-') + "\n\n");
}

TEST_F(EventStreamTest, BeatsWhenItIsSilentAndOnlyThen) {
  stream.open();
  pass(kHeartbeatPause - Millis(1));
  EXPECT_EQ(sent.count(": heartbeat"), 0);
  stream.tell(R"("still here")");
  pass(Millis(2));
  EXPECT_EQ(sent.count(": heartbeat"), 0);
  pass(kHeartbeatPause);
  EXPECT_EQ(sent.count(": heartbeat\n\n"), 1);
  pass(kHeartbeatPause);
  EXPECT_EQ(sent.count(": heartbeat\n\n"), 2);
  stream.finish({});
  pass(kHeartbeatPause);
  EXPECT_EQ(sent.count(": heartbeat\n\n"), 2);
}

TEST_F(EventStreamTest, CountsWhatTheReaderHasNotTaken) {
  stream.open();
  EXPECT_TRUE(stream.tell("1"));
  sent.is_writable = false;
  EXPECT_FALSE(stream.tell("2"));
  EXPECT_FALSE(stream.tell("3"));
  EXPECT_EQ(stream.take_behind(), 2);
  EXPECT_EQ(stream.take_behind(), 0);
}

TEST_F(EventStreamTest, EndsOnce) {
  stream.open();
  stream.finish("done");
  stream.fail("too late");

  EXPECT_TRUE(sent.is_finished);
  EXPECT_EQ(sent.count(R"("final":true)"), 1);
  EXPECT_EQ(sent.count("too late"), 0);
}

TEST_F(EventStreamTest, IsEndedWithAllOthers) {
  Sent second_sent;
  EventStream second(*loop, all, second_sent, "t2", [this] { ++cuts; });
  stream.open();
  second.open();

  all.end_all("stopping");
  all.end_all("stopping");

  EXPECT_EQ(cuts, 2);
  for (const Sent* each : {&sent, &second_sent}) {
    EXPECT_TRUE(each->is_finished);
    EXPECT_EQ(each->count("stopping"), 1);
  }
}

TEST_F(EventStreamTest, SaysNothingToAClientThatIsGone) {
  stream.open();
  const std::string before = sent.body;
  stream.drop();
  stream.tell("1");
  stream.finish({});
  all.end_all("stopping");

  EXPECT_EQ(sent.body, before);
  EXPECT_FALSE(sent.is_finished);
  EXPECT_EQ(cuts, 0);
}

}  // namespace
}  // namespace pixell::par
