#include "net/client.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/event_loop.hpp"
#include "net/http1_client.hpp"
#include "net/socket_address.hpp"
#include "net/sockets.hpp"
#include "net/upstream.hpp"

namespace pixell::net {

namespace {

// A request that could not even be tried.
class FailedStream final : public ClientStream {
 public:
  FailedStream(EventLoop& loop, ClientHandler& handler, std::function<void(FailedStream&)> on_over)
      : handler_(&handler), on_over_(std::move(on_over)) {
    timer_ = loop.after(Millis(0), [this] { fail(); });
  }

  bool send_data(std::string_view) override { return true; }
  void finish(const Headers&) override {}
  void pause() override {}
  void resume() override {}
  void reset(ResetCode) override {
    handler_ = nullptr;
    timer_.cancel();
    end();
  }
  bool request_started() const override { return false; }
  bool is_reused() const override { return false; }

 private:
  void fail() {
    ClientHandler* handler = std::exchange(handler_, nullptr);
    end();
    handler->on_abort(AbortReason::Refused);
  }
  void end() {
    if (const auto on_over = std::exchange(on_over_, nullptr)) on_over(*this);
  }

  ClientHandler* handler_;
  std::function<void(FailedStream&)> on_over_;
  Timer timer_;
};

}  // namespace

Result<Address> parse_address(std::string_view text) {
  if (auto parsed = SocketAddress::parse(text); !parsed) return std::move(parsed).error();
  return Address{std::string(text)};
}

Result<UniqueFd> start_connect(const Upstream& upstream, std::optional<uid_t> unix_user) {
  const Address& address = upstream.address;
  if (!upstream.socket_address)
    return make_error(ErrorCode::InvalidArgument, address.text + " is no address of a socket");
  const SocketAddress& where = *upstream.socket_address;
  UniqueFd fd(::socket(where.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("socket", errno);
  if (where.family() != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  int status;
  do {
    status = ::connect(fd.get(), where.data(), where.size());
  } while (status != 0 && errno == EINTR);
  if (status == 0 && unix_user && where.family() == AF_UNIX)
    TRY_VOID(check_peer_user(fd.get(), *unix_user));
  if (status == 0 || errno == EINPROGRESS) return fd;
  const int saved = errno;
  Error error = errno_error("cannot connect to " + address.text, saved);
  error.code = ErrorCode::Unavailable;
  // A Unix listener whose backlog is full: there is somebody, later.
  if (saved == EAGAIN) error.retry = Retry::Later;
  return error;
}

struct HttpClient::Impl final : Http1ClientOwner {
  Impl(EventLoop& l, ClientOptions o) : loop(l), options(o) {}
  ~Impl() override;

  void connection_idle(Http1Client& connection) override;
  void connection_closed(Http1Client& connection) override;
  void keep_stream(std::unique_ptr<Http1ClientStream> stream) override;
  void release_stream(Http1ClientStream& stream) override;

  ClientStream& open_http1(const std::shared_ptr<Upstream>& upstream, const OutgoingHead& head,
                           ClientHandler& handler);
  ClientStream& open_http2(const std::shared_ptr<Upstream>& upstream, const OutgoingHead& head,
                           ClientHandler& handler);
  ClientStream& refuse(ClientHandler& handler);
  void session_closed(Upstream& upstream, Http2Session& session);
  void drop_idle(Upstream& upstream);
  void sweep();
  bool is_unused(const std::shared_ptr<Upstream>& upstream) const {
    return upstream.use_count() == 1 && upstream->http1_connections == 0 &&
           upstream->sessions.empty();
  }

  EventLoop& loop;
  ClientOptions options;
  std::unordered_map<std::string, std::shared_ptr<Upstream>> upstreams;
  std::unordered_map<Http1Client*, std::unique_ptr<Http1Client>> connections;
  std::unordered_map<Http1ClientStream*, std::unique_ptr<Http1ClientStream>> kept;
  // Those that are forgotten but have sessions still, which refer to them.
  std::vector<std::shared_ptr<Upstream>> leaving;
  std::unordered_map<FailedStream*, std::unique_ptr<FailedStream>> failed;
  Timer sweep_timer;  // set while a connection is idle
};

HttpClient::Impl::~Impl() {
  // Some of these may be in their own callbacks just now.
  for (auto& [key, connection] : connections) {
    connection->abandon();
    loop.delete_later(std::move(connection));
  }
  for (auto& [key, stream] : kept) {
    stream->abandon();
    loop.delete_later(std::move(stream));
  }
  for (auto& [key, stream] : failed) loop.delete_later(std::move(stream));
  for (auto& [key, upstream] : upstreams) leaving.push_back(upstream);
  for (const auto& upstream : leaving) {
    upstream->idle.clear();
    for (auto& session : upstream->sessions) {
      session->abandon();
      loop.delete_later(std::move(session));
    }
    upstream->sessions.clear();
    loop.delete_later(std::shared_ptr<void>(upstream));
  }
}

void HttpClient::Impl::connection_idle(Http1Client& connection) {
  Upstream& upstream = connection.upstream();
  if (upstream.is_forgotten || options.max_idle == 0) return connection.close_idle();
  if (upstream.idle.size() >= options.max_idle) {
    // The one that was idle longest goes.
    Http1Client* oldest = upstream.idle.front();
    upstream.idle.erase(upstream.idle.begin());
    oldest->close_idle();
  }
  upstream.idle.push_back(&connection);
  if (!sweep_timer.is_set()) sweep_timer = loop.after(options.idle_timeout, [this] { sweep(); });
}

void HttpClient::Impl::connection_closed(Http1Client& connection) {
  Upstream& upstream = connection.upstream();
  std::erase(upstream.idle, &connection);
  --upstream.http1_connections;
  auto node = connections.extract(&connection);
  if (!node.empty()) loop.delete_later(std::move(node.mapped()));
}

void HttpClient::Impl::keep_stream(std::unique_ptr<Http1ClientStream> stream) {
  Http1ClientStream* key = stream.get();
  kept.emplace(key, std::move(stream));
}

void HttpClient::Impl::release_stream(Http1ClientStream& stream) {
  auto node = kept.extract(&stream);
  if (!node.empty()) loop.delete_later(std::move(node.mapped()));
}

void HttpClient::Impl::sweep() {
  sweep_timer.cancel();
  const Instant now = loop.clock().now();
  Instant oldest = Instant::max();
  std::vector<Http1Client*> expired;
  for (auto at = upstreams.begin(); at != upstreams.end();) {
    auto& list = at->second->idle;
    const auto fresh = std::find_if(list.begin(), list.end(), [&](const Http1Client* each) {
      return now - each->idle_since() < options.idle_timeout;
    });
    expired.insert(expired.end(), list.begin(), fresh);
    list.erase(list.begin(), fresh);
    if (!list.empty()) oldest = std::min(oldest, list.front()->idle_since());
    at = is_unused(at->second) ? upstreams.erase(at) : std::next(at);
  }
  for (Http1Client* connection : expired) connection->close_idle();
  if (oldest == Instant::max()) return;
  const auto wait = std::chrono::ceil<Millis>(oldest + options.idle_timeout - now);
  sweep_timer = loop.after(std::max(wait, Millis(1)), [this] { sweep(); });
}

void HttpClient::Impl::drop_idle(Upstream& upstream) {
  const std::vector<Http1Client*> idle = std::exchange(upstream.idle, {});
  for (Http1Client* connection : idle) connection->close_idle();
}

ClientStream& HttpClient::Impl::open_http1(const std::shared_ptr<Upstream>& upstream,
                                           const OutgoingHead& head, ClientHandler& handler) {
  if (!upstream->idle.empty()) {
    Http1Client* connection = upstream->idle.back();
    upstream->idle.pop_back();
    return connection->open(head, handler);
  }
  auto owned = std::make_unique<Http1Client>(loop, *this, upstream, options);
  Http1Client& connection = *owned;
  connections.emplace(&connection, std::move(owned));
  ++upstream->http1_connections;
  return connection.open(head, handler);
}

ClientStream& HttpClient::Impl::open_http2(const std::shared_ptr<Upstream>& upstream,
                                           const OutgoingHead& head, ClientHandler& handler) {
  auto& list = upstream->sessions;
  for (const auto& session : list) {
    if (session->accepts()) return session->open(head, handler);
  }
  if (list.size() >= kMaxSessionsPerAddress) return refuse(handler);
  list.push_back(make_http2_session(
      loop, *upstream, options,
      [this, at = upstream.get()](Http2Session& session) { session_closed(*at, session); }));
  return list.back()->open(head, handler);
}

ClientStream& HttpClient::Impl::refuse(ClientHandler& handler) {
  auto owned = std::make_unique<FailedStream>(loop, handler, [this](FailedStream& over) {
    auto node = failed.extract(&over);
    if (!node.empty()) loop.delete_later(std::move(node.mapped()));
  });
  FailedStream& stream = *owned;
  failed.emplace(&stream, std::move(owned));
  return stream;
}

void HttpClient::Impl::session_closed(Upstream& upstream, Http2Session& session) {
  auto& list = upstream.sessions;
  const auto at = std::find_if(list.begin(), list.end(),
                               [&](const auto& each) { return each.get() == &session; });
  if (at == list.end()) return;
  loop.delete_later(std::move(*at));
  list.erase(at);
  if (!list.empty()) return;
  // The session dies at the end of this turn, and what it refers to after it.
  const auto left = std::find_if(leaving.begin(), leaving.end(),
                                 [&](const auto& each) { return each.get() == &upstream; });
  if (left != leaving.end()) {
    loop.delete_later(std::shared_ptr<void>(std::move(*left)));
    leaving.erase(left);
  } else if (const auto found = upstreams.find(upstream.address.text);
             found != upstreams.end() && is_unused(found->second)) {
    loop.delete_later(std::shared_ptr<void>(std::move(found->second)));
    upstreams.erase(found);
  }
}

HttpClient::HttpClient(EventLoop& loop, ClientOptions options)
    : impl_(std::make_unique<Impl>(loop, options)) {}

HttpClient::~HttpClient() = default;

std::shared_ptr<Upstream> HttpClient::upstream(const Address& address) {
  std::shared_ptr<Upstream>& known = impl_->upstreams[address.text];
  if (known == nullptr) known = std::make_shared<Upstream>(address);
  return known;
}

ClientStream& HttpClient::open(const std::shared_ptr<Upstream>& upstream, Protocol protocol,
                               const OutgoingHead& head, ClientHandler& handler) {
  if (protocol == Protocol::Http2) return impl_->open_http2(upstream, head, handler);
  return impl_->open_http1(upstream, head, handler);
}

void HttpClient::forget(const Address& address) {
  auto node = impl_->upstreams.extract(address.text);
  if (node.empty()) return;
  const std::shared_ptr<Upstream> upstream = std::move(node.mapped());
  upstream->is_forgotten = true;
  impl_->drop_idle(*upstream);
  if (upstream->sessions.empty()) return;
  impl_->leaving.push_back(upstream);
  std::vector<Http2Session*> open;
  for (const auto& session : upstream->sessions) open.push_back(session.get());
  for (Http2Session* session : open) session->close(false);
}

void HttpClient::drop_idle(Upstream& upstream) { impl_->drop_idle(upstream); }

}  // namespace pixell::net
