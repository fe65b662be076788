#include "par/worker/frame_channel.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "par/limits.hpp"
#include "par/worker/frame.hpp"

namespace pixell::par {
namespace {

/// Keeps what the channel tells.
struct Told : WorkerChannelOwner {
  std::vector<std::string> broken, events, failures;
  std::vector<std::pair<std::uint64_t, CallResult>> ended;

  void worker_up(Hello) override {}
  void load_failed(model::Failure failure) override { failures.push_back(failure.message); }
  void protocol_broken(std::string message) override { broken.push_back(std::move(message)); }
  void call_told(std::uint64_t, std::string event) override { events.push_back(std::move(event)); }
  void call_ended(std::uint64_t id, CallResult result) override {
    ended.emplace_back(id, std::move(result));
  }
  void channel_closed(const std::string&) override {}
};

/// A channel with our hands at the worker's end of it.
class FrameChannelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2], log[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ASSERT_EQ(::pipe(log), 0);
    worker_.reset(ends[1]);
    log_reader_.reset(log[0]);
    log_writer_.reset(log[1]);
    const int roomy = 4 << 20;
    ::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &roomy, sizeof roomy);
    channel_ = std::make_unique<FrameChannel>(*loop_, UniqueFd(ends[0]), R"({"t":"load"})",
                                              Log(log[1]), told_);
    ASSERT_TRUE(channel_->start().has_value());
    EXPECT_EQ(received().at(0), R"({"t":"load"})");
  }

  /// The worker says a frame, and par takes it.
  void say(const std::string& header) {
    ASSERT_TRUE(write_all(worker_.get(), *encode_frame(header)).has_value());
    channel_->read_rest();
  }

  std::vector<std::string> received() {
    char buffer[65536];
    const ssize_t got = ::recv(worker_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    std::vector<Frame> frames;
    if (got > 0) {
      EXPECT_TRUE(decoder_.feed({buffer, static_cast<std::size_t>(got)}, frames).has_value());
    }
    std::vector<std::string> headers;
    for (Frame& frame : frames) headers.push_back(std::move(frame.header));
    return headers;
  }

  std::string logged() {
    char buffer[65536];
    const ssize_t got = ::read(log_reader_.get(), buffer, sizeof buffer);
    return {buffer, static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
  }

  static std::string nested(std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  }

  std::unique_ptr<net::EventLoop> loop_ = net::EventLoop::create().value();
  Told told_;
  UniqueFd worker_, log_reader_, log_writer_;
  FrameDecoder decoder_;
  std::unique_ptr<FrameChannel> channel_;
};

constexpr std::size_t kEndless = 100'000;

TEST_F(FrameChannelTest, FailsTheCallWhoseResultNestsTooDeep) {
  say(R"({"t":"done","x":"7","result":)" + nested(kEndless) + "}");

  ASSERT_EQ(told_.ended.size(), 1U);
  EXPECT_EQ(told_.ended[0].first, 7U);
  EXPECT_EQ(told_.ended[0].second.outcome, CallResult::Outcome::Failed);
  EXPECT_NE(told_.ended[0].second.text.find("nests deeper than 256"), std::string::npos);
  EXPECT_TRUE(told_.broken.empty());
}

TEST_F(FrameChannelTest, CancelsTheCallWhoseEventNestsTooDeep) {
  say(R"({"t":"event","event":)" + nested(kEndless) + R"(,"x":"7"})");

  ASSERT_EQ(told_.ended.size(), 1U);
  EXPECT_EQ(told_.ended[0].first, 7U);
  EXPECT_TRUE(told_.events.empty());
  EXPECT_EQ(received(), (std::vector<std::string>{R"({"t":"cancel","x":"7"})"}));
}

TEST_F(FrameChannelTest, BreaksWithAWorkerWhoseOtherFramesNestTooDeep) {
  for (const char* frame :
       {R"({{"t":"log","event":"e","fields":{}}})", R"({{"t":"hello","v":{}}})",
        R"({{"t":"load_error","evidence":{}}})", R"({{"t":"ping","n":{}}})",
        R"({{"t":"error","x":"1","message":{}}})", R"({{"x":{},"t":"nobody knows"}})"}) {
    told_.broken.clear();
    say(fmt::format(fmt::runtime(frame), nested(kEndless)));
    ASSERT_EQ(told_.broken.size(), 1U) << frame;
    EXPECT_NE(told_.broken[0].find("nests deeper"), std::string::npos) << told_.broken[0];
  }
}

TEST_F(FrameChannelTest, BreaksWithAWorkerThatSaysNoJson) {
  for (const char* header : {"", "{", "[]", "7", R"({"t":7})", R"({"t":"done"})", "\xff"}) {
    told_.broken.clear();
    say(header);
    EXPECT_EQ(told_.broken.size(), 1U) << header;
  }
}

TEST_F(FrameChannelTest, TakesWhatNestsWithinTheLimit) {
  say(R"({"t":"done","x":"1","result":)" + nested(kMaxFrameJsonDepth - 1) + "}");

  ASSERT_EQ(told_.ended.size(), 1U);
  EXPECT_EQ(told_.ended[0].second.text, nested(kMaxFrameJsonDepth - 1));
}

TEST_F(FrameChannelTest, TellsACallItsTrace) {
  const std::string parent = "00-" + std::string(32, 'a') + "-" + std::string(16, 'b') + "-01";
  ASSERT_TRUE(channel_
                  ->execute(3, {.action = "go",
                                .parameters_json = "{}",
                                .request_id = "r",
                                .traceparent = parent,
                                .tracestate = "v=1"})
                  .has_value());
  ASSERT_TRUE(channel_->execute(4, {.action = "go", .parameters_json = "{}"}).has_value());

  const auto headers = received();
  ASSERT_EQ(headers.size(), 2U);
  const auto traced = nlohmann::json::parse(headers[0]);
  EXPECT_EQ(traced.at("traceparent"), parent);
  EXPECT_EQ(traced.at("tracestate"), "v=1");
  EXPECT_FALSE(nlohmann::json::parse(headers[1]).contains("traceparent"));
}

TEST_F(FrameChannelTest, HidesSecretsInWhatTheWorkerLogs) {
  say(R"({"t":"log","event":"told","fields":{"a":[{"password":"hunter2"}],"b":1}})");

  const std::string line = logged();
  EXPECT_NE(line.find("told"), std::string::npos);
  EXPECT_NE(line.find("[REDACTED]"), std::string::npos) << line;
  EXPECT_EQ(line.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace pixell::par
