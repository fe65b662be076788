#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/http2_stream.hpp"
#include "net/stream.hpp"

// Internal to net: a request that came over HTTP/2.

namespace pixell::net {

/// One request on an HTTP/2 connection and its answer.
class Http2ServerStream final : public ServerStream, public Http2Stream {
 public:
  Http2ServerStream(Http2Io& io, std::int32_t id, const PeerInfo& peer)
      : Http2Stream(io, id), peer_(peer) {
    request_.protocol = Protocol::Http2;
  }

  // ServerStream
  const RequestHead& request() const override { return request_; }
  const PeerInfo& peer() const override { return peer_; }
  bool send_data(std::string_view bytes) override {
    return answer_has_no_body_ ? true : queue_data(bytes);
  }
  void finish(const Headers& trailers) override { queue_end(trailers); }
  void pause() override { set_paused(true); }
  void resume() override;
  void reset(ResetCode code) override { cut(code); }
  void send_informational(const ResponseHead& head) override;
  void send_head(const ResponseHead& head, bool ends) override;
  bool head_sent() const override { return is_head_sent_; }

  // Called by Http2Connection.
  void take_field(std::string_view name, std::string_view value);
  /// Hands the complete request to the service, or answers it when it is not acceptable.
  void serve(Service& service, bool ends);
  bool is_announced() const { return is_announced_; }
  bool is_served() const { return is_served_; }
  bool is_over_limit() const { return is_over_limit_; }

 private:
  void submit_head() override;
  void refuse_body() override;
  bool owes_body() const override {
    return is_served_ && handler_ != nullptr && !is_head_sent_ && !request_.is_grpc();
  }
  void take_pseudo_field(std::string_view name, std::string_view value);
  /// The status of a refusal, or 0.
  int refusal() const;
  void send_continue();

  const PeerInfo& peer_;
  RequestHead request_;
  std::string cookies_;
  std::unique_ptr<StreamHandler> handler_;
  ResponseHead answer_;
  bool is_announced_ = false;  // the owner counts it
  bool is_served_ = false;
  bool is_head_sent_ = false;
  bool answer_has_no_body_ = false;
  bool is_continue_owed_ = false;
  bool is_over_limit_ = false;
  bool is_target_over_limit_ = false;
};

}  // namespace pixell::net
