#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/testing/temp_directory.hpp"
#include "edge/edge.hpp"
#include "edge/testing/routes.hpp"
#include "net/client/http_fetch.hpp"
#include "net/event_loop.hpp"
#include "net/reply.hpp"
#include "net/server.hpp"
#include "net/sockets.hpp"

// For tests of the edge as a whole: a running edge, and servers behind it.

namespace pixell::edge::testing {

/// A server behind the edge, on a loop of its own. Answers with its name and what it saw, unless
/// the test has another answer.
class Backend final : public net::Service {
 public:
  using Answer = std::function<void(net::ServerStream&)>;

  Backend(std::string name, const std::filesystem::path& socket, Answer answer = {})
      : name_(std::move(name)), answer_(std::move(answer)) {
    loop_ = std::move(*net::EventLoop::create());
    server_ = std::make_unique<net::HttpServer>(*loop_, *this, Log(2, LogLevel::Error));
    EXPECT_TRUE(server_->listen(std::move(*net::listen_unix(socket)), "backend"));
    thread_ = std::thread([this] { loop_->run(); });
  }
  ~Backend() override {
    loop_->post([this] {
      server_->close_all();
      loop_->stop();
    });
    thread_.join();
  }
  std::unique_ptr<net::StreamHandler> on_request(net::ServerStream& stream) override {
    const net::RequestHead& head = stream.request();
    if (answer_) {
      answer_(stream);
      return net::ignore_body();
    }
    net::send_json(
        stream, 200,
        nlohmann::json{{"backend", name_},
                       {"target", head.target},
                       {"forwarded_for", head.headers.get("x-forwarded-for").value_or("")},
                       {"proto", head.headers.get("x-forwarded-proto").value_or("")},
                       {"certificate", head.headers.get("x-forwarded-client-cert").value_or("")},
                       {"fields_with_hash", count_fields_with("Hash=", head.headers)},
                       {"request_id", head.headers.get("x-request-id").value_or("")}}
            .dump());
    return net::ignore_body();
  }

 private:
  static int count_fields_with(std::string_view text, const net::Headers& headers) {
    int count = 0;
    for (std::size_t i = 0; i < headers.size(); ++i)
      if (headers[i].value.find(text) != std::string_view::npos) ++count;
    return count;
  }

  std::string name_;
  Answer answer_;
  std::unique_ptr<net::EventLoop> loop_;
  std::unique_ptr<net::HttpServer> server_;
  std::thread thread_;
};

class EdgeTest : public ::testing::Test {
 protected:
  void SetUp() override { start_edge(); }
  void start_edge() {
    auto listener = net::listen_tcp("127.0.0.1", 0);
    ASSERT_TRUE(listener) << listener.error().message;
    port_ = *net::bound_port(listener->get());
    EdgeListeners listeners;
    listeners.plain.push_back(std::move(*listener));
    auto redirect = net::listen_tcp("127.0.0.1", 0);
    ASSERT_TRUE(redirect) << redirect.error().message;
    redirect_port_ = *net::bound_port(redirect->get());
    listeners.redirects.push_back(std::move(*redirect));
    listeners.https_port = 8443;
    const std::string api = has_api_ ? unix_address("api.sock") : "";
    auto edge = Edge::start(std::move(listeners), {api}, settings_, Log(2, LogLevel::Error));
    ASSERT_TRUE(edge) << edge.error().message;
    edge_ = std::move(*edge);
    ASSERT_TRUE(edge_->accept());
  }
  void TearDown() override { edge_.reset(); }

  std::string unix_address(const std::string& name) {
    return "unix:" + (directory_ / name).string();
  }

  void publish(model::Route route) {
    auto table = RouteTable::build({.generation = ++generation_, .routes = {std::move(route)}});
    ASSERT_TRUE(table) << table.error().message;
    const auto done = edge_->publish(*table);
    ASSERT_TRUE(done) << done.error().message;
  }
  void publish(std::int64_t revision, const std::string& socket) {
    publish(hello({leg(revision, 1000, {unix_address(socket)})}));
  }

  using Fields = std::vector<std::pair<std::string, std::string>>;
  net::FetchReply get(const std::string& path, Fields headers = {}, std::string method = "GET") {
    const auto reply = net::fetch({.method = std::move(method),
                                   .url = "http://127.0.0.1:" + std::to_string(port_) + path,
                                   .headers = std::move(headers),
                                   .timeout = Millis(5000)});
    EXPECT_TRUE(reply) << path << ": " << reply.error().message;
    return reply ? *reply : net::FetchReply{};
  }
  static nlohmann::json body(const net::FetchReply& reply) {
    return nlohmann::json::parse(reply.body, nullptr, false);
  }

  TempDirectory directory_;
  bool has_api_ = true;
  Edge::Settings settings_{.threads = 2, .parking = {.time = Millis(100)}};
  std::uint16_t port_ = 0;
  std::uint16_t redirect_port_ = 0;
  std::int64_t generation_ = 0;
  std::unique_ptr<Edge> edge_;
};

}  // namespace pixell::edge::testing
