#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"

namespace pixell::par {

/// Asks a full servicer's pixell.agent.AgentService/Health, one question at a time; a new question
/// drops the one that is open.
class GrpcProbe final : private net::ClientHandler {
 public:
  using OnAnswer = std::function<void(Result<void>)>;

  GrpcProbe(net::EventLoop& loop, net::HttpClient& client) : loop_(loop), client_(client) {}
  /// Drops a question without an answer.
  ~GrpcProbe() override;

  /// `on_answer` is called once, later: success when the call ended with status OK. Unavailable or
  /// DeadlineExceeded say what came instead.
  void ask(const net::Address& address, Millis timeout, OnAnswer on_answer);

 private:
  void on_head(net::ResponseHead& head) override;
  void on_data(std::string_view) override {}
  void on_end(const net::Headers& trailers) override;
  void on_abort(net::AbortReason reason) override;
  void answer(Result<void> result);

  net::EventLoop& loop_;
  net::HttpClient& client_;
  net::ClientStream* stream_ = nullptr;
  net::Timer timeout_;
  OnAnswer on_answer_;
  std::string head_status_;  // grpc-status of an answer without body
};

}  // namespace pixell::par
