#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "api/api.hpp"
#include "base/log.hpp"
#include "base/testing/temp_directory.hpp"
#include "base/thread_pool.hpp"
#include "net/blocking_service.hpp"
#include "net/event_loop.hpp"
#include "net/server.hpp"
#include "net/sockets.hpp"

// For tests of pac: an HTTP server with a handler of the test's, and a directory to work in.

namespace pixell::cmd::testing {

/// Answers on a loopback port, or on a Unix socket, from threads of its own.
class ApiServer {
 public:
  using Handler = std::function<api::Reply(const net::RequestHead&, net::BodyReader&)>;

  explicit ApiServer(Handler handler)
      : ApiServer(std::move(handler), net::listen_tcp("127.0.0.1", 0).value()) {}
  /// `transports` encrypts the connections and outlives the server; null = plain.
  ApiServer(Handler handler, UniqueFd listener, net::TransportMaker* transports = nullptr)
      : handler_(std::move(handler)),
        loop_(std::move(net::EventLoop::create().value())),
        pool_(2),
        service_(net::make_blocking_service(
            *loop_, pool_,
            [this](const net::RequestHead& head, net::BodyReader& body, net::ReplyWriter& writer) {
              ++requests_;
              api::Reply reply = handler_(head, body);
              net::ResponseHead sent{.status = reply.status, .headers = std::move(reply.headers)};
              sent.headers.set("content-type", reply.content_type);
              writer.reply(sent, std::move(reply.body));
            })),
        server_(std::make_unique<net::HttpServer>(*loop_, *service_, Log(-1))) {
    if (const auto port = net::bound_port(listener.get())) port_ = *port;
    EXPECT_TRUE(server_->listen(std::move(listener), {.name = "test", .transports = transports}));
    thread_ = std::thread([this] { loop_->run(); });
  }
  ~ApiServer() {
    loop_->post([this] {
      server_->close_all();
      loop_->stop();
    });
    thread_.join();
    pool_.stop();
    server_.reset();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::uint16_t port() const { return port_; }
  int requests() const { return requests_; }
  /// Open right now.
  std::size_t connections() {
    std::promise<std::size_t> count;
    loop_->post([&] { count.set_value(server_->connections()); });
    return count.get_future().get();
  }

 private:
  Handler handler_;
  std::unique_ptr<net::EventLoop> loop_;
  ThreadPool pool_;
  std::unique_ptr<net::Service> service_;
  std::unique_ptr<net::HttpServer> server_;
  std::uint16_t port_ = 0;
  std::atomic<int> requests_ = 0;
  std::thread thread_;
};

}  // namespace pixell::cmd::testing
