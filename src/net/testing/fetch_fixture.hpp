#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "net/reply.hpp"
#include "net/testing/wire_fixture.hpp"

namespace pixell::net::fixture {

/// A server on a loop of its own thread, by TCP and by the Unix socket `socket_`, for blocking
/// clients.
class FetchTest : public ::testing::Test {
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
    ++served_;
    if (head.target.starts_with("/redirect")) {
      Headers more;
      more.add("Location", head.target == "/redirect" ? "/there" : head.query());
      send_reply(stream, 302, "text/plain", "moved", more);
      return ignore_body();
    }
    if (head.target == "/big") {
      send_reply(stream, 200, "text/plain", std::string(100'000, 'b'));
      return ignore_body();
    }
    if (head.target == "/refused") {
      send_reply(stream, 404, "text/plain", "why " + std::string(100'000, 'b'));
      return ignore_body();
    }
    if (head.target == "/never") return ignore_body();
    if (head.target == "/stall" || head.target == "/half") {
      ResponseHead half;
      half.headers.set("content-length", "100");
      stream.send_head(half, false);
      stream.send_data("half");
      if (head.target == "/half") stream.reset(ResetCode::Cancel);
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
      Headers more;
      more.add("X-Type", head.headers.get("content-type").value_or("none"));
      more.add("X-Custom", head.headers.get("x-custom").value_or("none"));
      more.add("X-Peer", stream_.peer().listener);
      send_reply(stream_, 203, "text/plain", head.method + " " + head.target + " " + body_, more);
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
  std::atomic<int> served_{0};
  std::thread thread_;
};

}  // namespace pixell::net::fixture
