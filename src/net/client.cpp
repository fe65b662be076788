#include "net/client.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/client_session.hpp"
#include "net/event_loop.hpp"
#include "net/http1_client.hpp"
#include "net/socket_address.hpp"
#include "net/sockets.hpp"

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

Result<UniqueFd> start_connect(const Address& address, std::optional<uid_t> unix_user) {
  TRY(const SocketAddress where, SocketAddress::parse(address.text));
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
  using Sessions = std::vector<std::unique_ptr<Http2Session>>;

  Impl(EventLoop& l, ClientOptions o) : loop(l), options(o) {}
  ~Impl() override;

  void connection_idle(Http1Client& connection) override;
  void connection_closed(Http1Client& connection) override;
  void keep_stream(std::unique_ptr<Http1ClientStream> stream) override;
  void release_stream(Http1ClientStream& stream) override;

  ClientStream& open_http1(const Address& address, const RequestHead& head, ClientHandler& handler);
  ClientStream& open_http2(const Address& address, const RequestHead& head, ClientHandler& handler);
  ClientStream& refuse(ClientHandler& handler);
  void session_closed(const std::string& address, Http2Session& session);
  void sweep();

  EventLoop& loop;
  ClientOptions options;
  // Idle connections by address, the one used last at the back.
  std::unordered_map<std::string, std::vector<Http1Client*>> idle;
  std::unordered_map<Http1Client*, std::unique_ptr<Http1Client>> connections;
  std::unordered_map<Http1ClientStream*, std::unique_ptr<Http1ClientStream>> kept;
  std::unordered_map<std::string, Sessions> sessions;
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
  for (auto& [key, list] : sessions) {
    for (auto& session : list) {
      session->abandon();
      loop.delete_later(std::move(session));
    }
  }
}

void HttpClient::Impl::connection_idle(Http1Client& connection) {
  auto& list = idle[connection.address().text];
  if (list.size() >= options.max_idle) {
    // The one that was idle longest goes.
    Http1Client* oldest = list.front();
    list.erase(list.begin());
    oldest->close_idle();
  }
  list.push_back(&connection);
  if (!sweep_timer.is_set()) sweep_timer = loop.after(options.idle_timeout, [this] { sweep(); });
}

void HttpClient::Impl::connection_closed(Http1Client& connection) {
  if (const auto found = idle.find(connection.address().text); found != idle.end()) {
    std::erase(found->second, &connection);
  }
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
  for (auto at = idle.begin(); at != idle.end();) {
    auto& list = at->second;
    const auto fresh = std::find_if(list.begin(), list.end(), [&](const Http1Client* each) {
      return now - each->idle_since() < options.idle_timeout;
    });
    expired.insert(expired.end(), list.begin(), fresh);
    list.erase(list.begin(), fresh);
    if (!list.empty()) oldest = std::min(oldest, list.front()->idle_since());
    at = list.empty() ? idle.erase(at) : std::next(at);
  }
  for (Http1Client* connection : expired) connection->close_idle();
  if (oldest == Instant::max()) return;
  const auto wait = std::chrono::ceil<Millis>(oldest + options.idle_timeout - now);
  sweep_timer = loop.after(std::max(wait, Millis(1)), [this] { sweep(); });
}

ClientStream& HttpClient::Impl::open_http1(const Address& address, const RequestHead& head,
                                           ClientHandler& handler) {
  if (const auto found = idle.find(address.text); found != idle.end() && !found->second.empty()) {
    Http1Client* connection = found->second.back();
    found->second.pop_back();
    return connection->open(head, handler);
  }
  auto owned = std::make_unique<Http1Client>(loop, *this, address, options);
  Http1Client& connection = *owned;
  connections.emplace(&connection, std::move(owned));
  return connection.open(head, handler);
}

ClientStream& HttpClient::Impl::open_http2(const Address& address, const RequestHead& head,
                                           ClientHandler& handler) {
  auto& list = sessions[address.text];
  for (const auto& session : list) {
    if (session->accepts()) return session->open(head, handler);
  }
  if (list.size() >= kMaxSessionsPerAddress) return refuse(handler);
  list.push_back(make_http2_session(
      loop, address, options,
      [this, text = address.text](Http2Session& session) { session_closed(text, session); }));
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

void HttpClient::Impl::session_closed(const std::string& address, Http2Session& session) {
  const auto found = sessions.find(address);
  if (found == sessions.end()) return;
  auto& list = found->second;
  const auto at = std::find_if(list.begin(), list.end(),
                               [&](const auto& each) { return each.get() == &session; });
  if (at == list.end()) return;
  loop.delete_later(std::move(*at));
  list.erase(at);
  if (list.empty()) sessions.erase(found);
}

HttpClient::HttpClient(EventLoop& loop, ClientOptions options)
    : impl_(std::make_unique<Impl>(loop, options)) {}

HttpClient::~HttpClient() = default;

ClientStream& HttpClient::open(const Address& address, Protocol protocol, const RequestHead& head,
                               ClientHandler& handler) {
  if (protocol == Protocol::Http2) return impl_->open_http2(address, head, handler);
  return impl_->open_http1(address, head, handler);
}

void HttpClient::forget(const Address& address) {
  if (auto node = impl_->idle.extract(address.text); !node.empty()) {
    for (Http1Client* connection : node.mapped()) connection->close_idle();
  }
  for (const auto& [key, connection] : impl_->connections) {
    if (connection->address() == address) connection->retire();
  }
  if (const auto found = impl_->sessions.find(address.text); found != impl_->sessions.end()) {
    std::vector<Http2Session*> open;
    for (const auto& session : found->second) open.push_back(session.get());
    for (Http2Session* session : open) session->close(false);
  }
}

}  // namespace pixell::net
