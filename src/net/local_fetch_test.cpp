#include "net/local_fetch.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "net/reply.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::net {
namespace {

using namespace fixture;

/// Fetches from a server on a loop of its own thread.
class LocalFetchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = std::move(EventLoop::create().value());
    server_ = std::make_unique<LoopbackServer>(
        *loop_, [this](ServerStream& stream) { return answer(stream); });
    ASSERT_TRUE(server_->server().listen(listen_unix(socket_).value(), "local"));
    thread_ = std::thread([this] { loop_->run(); });
  }
  void TearDown() override {
    loop_->post([this] { server_.reset(); });
    loop_->stop();
    thread_.join();
    server_.reset();
  }

  std::unique_ptr<StreamHandler> answer(ServerStream& stream) {
    const RequestHead& head = stream.request();
    if (head.target == "/never") {
      asked_.request_stop();
      return ignore_body();
    }
    if (head.target == "/half") {
      ResponseHead half;
      half.headers.set("content-length", "100");
      stream.send_head(half, false);
      stream.send_data("half");
      stream.reset(ResetCode::Cancel);
      return ignore_body();
    }
    if (head.target == "/big") {
      send_reply(stream, 200, "text/plain", std::string(100'000, 'b'));
      return ignore_body();
    }
    return std::make_unique<Mirror>(stream);
  }

  /// Answers with what it was asked.
  class Mirror final : public StreamHandler {
   public:
    explicit Mirror(ServerStream& stream) : stream_(stream) {}
    void on_data(std::string_view bytes) override { body_ += bytes; }
    void on_end(const Headers&) override {
      const RequestHead& head = stream_.request();
      send_reply(stream_, 404, "text/plain",
                 head.method + " " + head.target + " " +
                     std::string(head.headers.get("content-type").value_or("-")) + " " + body_);
    }
    void on_abort(AbortReason) override {}

   private:
    ServerStream& stream_;
    std::string body_;
  };

  TempDirectory directory_;
  const std::filesystem::path socket_ = directory_ / "s";
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<LoopbackServer> server_;
  std::stop_source asked_;  // by a request for /never
  std::thread thread_;
};

TEST_F(LocalFetchTest, AnyStatusIsAReply) {
  const auto reply = fetch_local({.socket = socket_, .target = "/a?b=c"});

  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 404);
  EXPECT_EQ(reply->body, "GET /a?b=c - ");
}

TEST_F(LocalFetchTest, SendsABodyThatIsLongerThanASocketTakes) {
  const std::string body(3'000'000, 'x');

  const auto reply = fetch_local({.socket = socket_,
                                  .method = "POST",
                                  .target = "/",
                                  .content_type = "application/json",
                                  .body = body});

  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "POST / application/json " + body);
}

TEST_F(LocalFetchTest, IsUnavailableWhenNobodyListens) {
  const auto reply = fetch_local({.socket = directory_ / "nobody", .target = "/"});

  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::Unavailable);
  EXPECT_NE(reply.error().message.find("nobody"), std::string::npos) << reply.error().message;
}

TEST_F(LocalFetchTest, IsUnavailableWhenTheReplyBreaksOff) {
  const auto reply = fetch_local({.socket = socket_, .target = "/half"});

  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::Unavailable);
}

TEST_F(LocalFetchTest, WaitsNoLongerThanItsTimeout) {
  const auto reply = fetch_local({.socket = socket_, .target = "/never", .timeout = Millis(20)});

  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::DeadlineExceeded);
  EXPECT_EQ(reply.error().message, "no reply within 20 ms");
}

TEST_F(LocalFetchTest, EndsWhenItIsStopped) {
  const auto reply =
      fetch_local({.socket = socket_, .target = "/never", .stop = asked_.get_token()});

  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::Cancelled);
}

TEST_F(LocalFetchTest, TakesNoLongerReplyThanItIsAllowed) {
  const auto reply = fetch_local({.socket = socket_, .target = "/big", .max_body_bytes = 99'999});

  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::ResourceExhausted);
}

}  // namespace
}  // namespace pixell::net
