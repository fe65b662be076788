#include "par/surface/rest_proxy.hpp"

#include <utility>

#include "model/health.hpp"
#include "net/grpc.hpp"
#include "net/proxy_exchange.hpp"
#include "net/reply.hpp"
#include "par/observe/trace_context.hpp"
#include "par/surface/builtin_routes.hpp"
#include "par/surface/ui_files.hpp"
#include "par/surface/ui_serving.hpp"
#include "par/worker/agent.hpp"

namespace pixell::par {

namespace {

void answer_http_failure(net::ServerStream& stream, net::AbortReason reason, bool sent) {
  if (reason == net::AbortReason::Refused && !sent) {
    return net::send_json(
        stream, 503,
        R"({"detail":"The agent's process does not accept connections","error":"agent_unavailable"})",
        not_ready_marks(kAgentUnavailable));
  }
  const bool is_broken =
      reason == net::AbortReason::ProtocolError || reason == net::AbortReason::TooLarge;
  if (is_broken)
    return net::send_json(
        stream, 502, R"({"detail":"The agent's answer is not valid HTTP","error":"agent_broken"})");
  net::Headers lost;
  lost.add(model::kAgentLostHeader, "1");
  net::send_json(
      stream, 502,
      R"({"detail":"The agent's process ended before it answered","error":"agent_lost"})", lost);
}

/// One request on its way to a worker.
class WorkerExchange final : public net::ProxyExchange {
 public:
  struct Parts {
    Agent& agent;
    const WorkerSlot& worker;  // claimed
    net::Protocol protocol = net::Protocol::Http1;
    std::string target;
    const TraceContext* trace = nullptr;
  };

  WorkerExchange(net::EventLoop& loop, net::HttpClient& client, net::ServerStream& stream,
                 Parts parts, const net::Address& address)
      : ProxyExchange(loop, client, stream),
        agent_(parts.agent),
        worker_(parts.worker.number()),
        target_(std::move(parts.target)) {
    if (parts.trace != nullptr) pass_on(*parts.trace, added_);
    forward(client.upstream(address), parts.protocol);
  }
  ~WorkerExchange() override { leave(); }

 private:
  void prepare(net::OutgoingHead& head) override {
    head.target = target_;
    head.added = &added_;
  }
  void answer_failure(net::ServerStream& stream, net::AbortReason reason, bool sent) override {
    const bool is_away = reason == net::AbortReason::Refused && !sent;
    if (stream.request().is_grpc())
      return net::send_grpc_status(stream, ErrorCode::Unavailable,
                                   "the agent's gRPC server did not answer",
                                   is_away ? not_ready_marks(kAgentUnavailable) : net::Headers());
    answer_http_failure(stream, reason, sent);
  }
  void on_done(const net::ProxyOutcome&) override { agent_.release(worker_); }

  Agent& agent_;
  const int worker_;
  const std::string target_;
  net::Headers added_;
};

// Stands between the proxy and the client: when the agent says 404, its answer is dropped and the
// page is sent in its place.
class PageOn404 final : public net::ServerStream, public net::StreamHandler {
 public:
  PageOn404(net::EventLoop& loop, net::ServerStream& stream, UiFiles& files)
      : loop_(loop), stream_(stream), files_(files) {}

  void handle_with(std::unique_ptr<net::StreamHandler> proxy) { proxy_ = std::move(proxy); }

  // For the proxy. Once the page is sent, nothing of the agent's answer goes on.
  const net::RequestHead& request() const override { return stream_.request(); }
  const net::PeerInfo& peer() const override { return stream_.peer(); }
  bool head_sent() const override { return stream_.head_sent(); }
  void send_informational(const net::ResponseHead& head) override {
    if (!page_) stream_.send_informational(head);
  }
  void send_head(const net::ResponseHead& head, bool ends) override {
    if (head.status == 404) {
      if (auto index = files_.find("", loop_.now())) {
        page_ = serve_ui_file(loop_, stream_, std::move(index));
        return;
      }
    }
    stream_.send_head(head, ends);
  }
  bool send_data(std::string_view bytes) override { return page_ || stream_.send_data(bytes); }
  void finish(const net::Headers& trailers) override {
    if (!page_) stream_.finish(trailers);
  }
  void pause() override {
    if (!page_) stream_.pause();
  }
  void resume() override {
    if (!page_) stream_.resume();
  }
  void reset(net::ResetCode code) override {
    if (!page_) stream_.reset(code);
  }

  // For the connection.
  void on_data(std::string_view bytes) override { proxy_->on_data(bytes); }
  void on_end(const net::Headers& trailers) override { proxy_->on_end(trailers); }
  void on_writable() override { page_ ? page_->on_writable() : proxy_->on_writable(); }
  void on_abort(net::AbortReason reason) override {
    if (page_) page_->on_abort(reason);
    proxy_->on_abort(reason);
  }

 private:
  net::EventLoop& loop_;
  net::ServerStream& stream_;
  UiFiles& files_;
  std::unique_ptr<net::StreamHandler> page_;
  std::unique_ptr<net::StreamHandler> proxy_;
};

}  // namespace

std::unique_ptr<net::StreamHandler> proxy_to_agent(net::EventLoop& loop, net::HttpClient& client,
                                                   net::ServerStream& stream, Agent& agent,
                                                   AgentRequest request) {
  const WorkerSlot& worker = agent.claim();
  const net::Address address =
      request.is_for_own_server ? worker.http_address() : worker.rest_address();
  WorkerExchange::Parts parts{.agent = agent,
                              .worker = worker,
                              .target = std::move(request.target),
                              .trace = request.trace};
  if (request.page_on_404 == nullptr)
    return std::make_unique<WorkerExchange>(loop, client, stream, std::move(parts), address);
  auto page = std::make_unique<PageOn404>(loop, stream, *request.page_on_404);
  page->handle_with(
      std::make_unique<WorkerExchange>(loop, client, *page, std::move(parts), address));
  return page;
}

std::unique_ptr<net::StreamHandler> proxy_to_servicer(net::EventLoop& loop, net::HttpClient& client,
                                                      net::ServerStream& stream, Agent& agent,
                                                      std::string path, const TraceContext& trace) {
  const WorkerSlot& worker = agent.claim();
  return std::make_unique<WorkerExchange>(loop, client, stream,
                                          WorkerExchange::Parts{.agent = agent,
                                                                .worker = worker,
                                                                .protocol = net::Protocol::Http2,
                                                                .target = std::move(path),
                                                                .trace = &trace},
                                          worker.grpc_address());
}

}  // namespace pixell::par
