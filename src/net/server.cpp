#include "net/server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/event_loop.hpp"
#include "net/server_connection.hpp"
#include "net/server_newcomer.hpp"
#include "net/server_tally.hpp"
#include "net/socket_address.hpp"

namespace pixell::net {

namespace {

// Accepted sockets inherit both options, which saves two calls for each.
void set_tcp_options(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // fails for Unix sockets, rightly
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

}  // namespace

struct HttpServer::Impl final : ServerConnectionOwner, NewcomerOwner {
  // A listening socket. Level-triggered: what one turn leaves in the backlog is told again.
  struct Listener final : FdHandler {
    Listener(Impl& i, UniqueFd s, ListenOptions o)
        : impl(i), socket(std::move(s)), options(std::move(o)) {}
    void on_ready(std::uint32_t) override { impl.accept_from(*this, kMaxAcceptsPerTurn); }

    Impl& impl;
    UniqueFd socket;
    const ListenOptions options;
    bool is_watched = false;
  };

  Impl(EventLoop& l, Service& s, Log g, ServerOptions o)
      : loop(l), service(s), log(std::move(g)), options(o) {}

  void stream_opened() override { ++streams; }
  void stream_closed() override { --streams; }
  void connection_upgraded(ServerConnection& connection) override;
  void connection_closed(ServerConnection& connection) override;

  void handshake_began(Newcomer& newcomer) override;
  void handshake_done(Newcomer& newcomer) override;
  void recognised(Newcomer& newcomer, Wire wire) override;
  void gave_up(Newcomer& newcomer) override;

  Result<void> watch(Listener& listener);
  void unwatch(Listener& listener);
  void watch_all();
  void pause_accepting();
  bool is_full() const { return count() >= options.max_connections; }
  std::size_t count() const { return newcomers.size() + connections.size(); }

  void accept_from(Listener& listener, int most);
  void on_accept_error(int error);
  void welcome(Listener& listener, UniqueFd socket, const sockaddr_storage& address);
  std::unique_ptr<Newcomer> take(Newcomer& newcomer);
  void set_timeout(Newcomer& newcomer, Millis timeout);
  void count_opened(Carries carries, bool is_encrypted);
  void note_failed_handshake(Newcomer& newcomer, HandshakeFailure kind, std::string_view reason);
  void dismiss(Newcomer& newcomer);
  void on_count_fell();
  void cut_all();
  // How long someone who has just connected may take to send something.
  Millis grace(Millis timeout) const {
    const bool is_hurried = is_draining && idle_in_drain == IdleConnections::Close;
    return is_hurried ? std::min(kDrainGrace, timeout) : timeout;
  }

  EventLoop& loop;
  Service& service;
  Log log;
  ServerOptions options;
  std::vector<std::unique_ptr<Listener>> listeners;
  SpeakTlsHere speak_tls_here;
  std::unordered_map<Newcomer*, std::unique_ptr<Newcomer>> newcomers;
  std::list<Newcomer*> handshakes;  // under way, the longest first
  struct Running {
    std::unique_ptr<ServerConnection> connection;
    Carries carries = Carries::Http1;
    bool is_encrypted = false;
  };
  std::unordered_map<ServerConnection*, Running> connections;
  ServerTally tally;
  std::size_t streams = 0;
  bool is_draining = false;
  IdleConnections idle_in_drain = IdleConnections::Close;
  bool is_full_paused = false;
  Instant last_failure_line{};
  Instant last_handshake_line{};
  std::size_t failed_handshakes = 0;  // since that line
  Timer accept_pause;                 // set while descriptors are short
  std::function<void()> drained;
  Timer drained_timer;
};

Result<void> HttpServer::Impl::watch(Listener& listener) {
  if (listener.is_watched) return {};
  TRY_VOID(loop.add(listener.socket.get(), listener, EPOLLIN | EPOLLEXCLUSIVE));
  listener.is_watched = true;
  return {};
}

void HttpServer::Impl::unwatch(Listener& listener) {
  if (!std::exchange(listener.is_watched, false)) return;
  loop.remove(listener.socket.get());
}

void HttpServer::Impl::watch_all() {
  is_full_paused = false;
  for (const auto& listener : listeners) {
    const auto watched = watch(*listener);
    if (watched) continue;
    // Without memory for a watch: look again after a rest.
    pause_accepting();
    return;
  }
}

void HttpServer::Impl::pause_accepting() {
  for (const auto& listener : listeners) unwatch(*listener);
  accept_pause = loop.after(kAcceptPause, [this] {
    accept_pause.cancel();
    if (!is_full()) watch_all();
  });
}

void HttpServer::Impl::on_accept_error(int error) {
  const bool is_of_peer = error == EINTR || error == ECONNABORTED || error == EPROTO;
  if (is_of_peer) return;  // that one gave up meanwhile; the next may be well
  const Instant now = loop.clock().now();
  if (last_failure_line == Instant() || now - last_failure_line > kFailureLinePause) {
    last_failure_line = now;
    log.error("cannot accept connections",
              {{"reason", errno_error("accept", error).message}, {"connections", count()}});
  }
  pause_accepting();
}

void HttpServer::Impl::accept_from(Listener& listener, int most) {
  for (int i = 0; i < most; ++i) {
    if (is_full()) {
      is_full_paused = true;
      for (const auto& each : listeners) unwatch(*each);
      return;
    }
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    UniqueFd socket(::accept4(listener.socket.get(), reinterpret_cast<sockaddr*>(&address), &size,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      welcome(listener, std::move(socket), address);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    on_accept_error(errno);
    if (accept_pause.is_set()) return;
  }
}

void HttpServer::Impl::welcome(Listener& listener, UniqueFd socket,
                               const sockaddr_storage& address) {
  auto owned = std::make_unique<Newcomer>(*this, loop, listener.options);
  Newcomer& newcomer = *owned;
  newcomer.socket = Socket(std::move(socket));
  newcomer.peer.address = peer_text(address);
  if (!loop.add(newcomer.socket.fd(), newcomer)) return;  // closes it
  newcomers.emplace(&newcomer, std::move(owned));
  set_timeout(newcomer, listener.options.transports == nullptr ? options.head_timeout
                                                               : options.handshake_timeout);
}

void HttpServer::Impl::set_timeout(Newcomer& newcomer, Millis timeout) {
  newcomer.timeout = loop.after(grace(timeout), [this, &newcomer] {
    if (newcomer.handshake)
      note_failed_handshake(newcomer, HandshakeFailure::Timeout, "it took too long");
    dismiss(newcomer);
  });
}

void HttpServer::Impl::handshake_began(Newcomer& newcomer) {
  if (handshakes.size() >= options.max_handshakes) {
    Newcomer& slowest = *handshakes.front();
    note_failed_handshake(slowest, HandshakeFailure::Displaced,
                          "too many handshakes under way: the longest is cut");
    dismiss(slowest);
  }
  newcomer.handshake_began = loop.now();
  newcomer.handshake = handshakes.insert(handshakes.end(), &newcomer);
}

void HttpServer::Impl::handshake_done(Newcomer& newcomer) {
  tally.handshakes.add(loop.clock().now() - newcomer.handshake_began);
  if (newcomer.handshake) handshakes.erase(*std::exchange(newcomer.handshake, std::nullopt));
  set_timeout(newcomer, options.head_timeout);
}

void HttpServer::Impl::note_failed_handshake(Newcomer& newcomer, HandshakeFailure kind,
                                             std::string_view reason) {
  ++tally.of(kind);
  ++failed_handshakes;
  const Instant now = loop.clock().now();
  if (last_handshake_line != Instant() && now - last_handshake_line < kFailureLinePause) return;
  last_handshake_line = now;
  log.info("TLS handshake failed", {{"peer", newcomer.peer.address},
                                    {"reason", reason},
                                    {"since_last_line", std::exchange(failed_handshakes, 0)}});
}

void HttpServer::Impl::gave_up(Newcomer& newcomer) {
  const Transport* transport = newcomer.socket.transport();
  if (newcomer.handshake && transport->failure() != nullptr)
    note_failed_handshake(newcomer, transport->failure_kind(), transport->failure());
  else if (newcomer.handshake)  // too common for a line
    ++tally.of(HandshakeFailure::ClientLeft);
  dismiss(newcomer);
}

std::unique_ptr<Newcomer> HttpServer::Impl::take(Newcomer& newcomer) {
  auto node = newcomers.extract(&newcomer);
  newcomer.timeout.cancel();
  if (newcomer.handshake) handshakes.erase(*std::exchange(newcomer.handshake, std::nullopt));
  if (newcomer.socket) loop.remove(newcomer.socket.fd());
  return std::move(node.mapped());
}

void HttpServer::Impl::recognised(Newcomer& newcomer, Wire wire) {
  auto taken = take(newcomer);
  if (wire == Wire::PlainOnTls) ++tally.of(HandshakeFailure::PlainHttp);
  const Carries carries = wire == Wire::Http2 ? Carries::Http2 : Carries::Http1;
  const bool is_encrypted = taken->peer.is_encrypted;
  count_opened(carries, is_encrypted);
  Service* const own = taken->service;
  ServerConnectionContext context{.loop = loop,
                                  .service = wire == Wire::PlainOnTls ? speak_tls_here
                                             : own != nullptr         ? *own
                                                                      : service,
                                  .owner = *this,
                                  .options = options,
                                  .peer = std::move(taken->peer),
                                  .log = log};
  auto owned = wire == Wire::Http2
                   ? make_http2_connection(std::move(context), std::move(taken->socket))
                   : make_http1_connection(std::move(context), std::move(taken->socket));
  ServerConnection& connection = *owned;
  connections.emplace(&connection, Running{std::move(owned), carries, is_encrypted});
  connection.start(std::move(taken->first_bytes));
  const bool is_last_word = is_draining || wire == Wire::PlainOnTls;
  if (is_last_word && connections.contains(&connection))
    connection.drain(is_draining ? idle_in_drain : IdleConnections::Close);
  loop.delete_later(std::move(taken));  // we are in its callback
}

void HttpServer::Impl::dismiss(Newcomer& newcomer) {
  auto taken = take(newcomer);
  taken->socket.close();
  loop.delete_later(std::move(taken));
  on_count_fell();
}

void HttpServer::Impl::count_opened(Carries carries, bool is_encrypted) {
  ConnectionTally& counted = tally.of(carries, is_encrypted);
  ++counted.accepted;
  ++counted.open;
}

void HttpServer::Impl::connection_upgraded(ServerConnection& connection) {
  const auto found = connections.find(&connection);
  if (found == connections.end()) return;  // cut_all() holds it
  Running& running = found->second;
  --tally.of(running.carries, running.is_encrypted).open;
  running.carries = Carries::Upgraded;
  count_opened(running.carries, running.is_encrypted);
}

void HttpServer::Impl::connection_closed(ServerConnection& connection) {
  const auto found = connections.find(&connection);
  if (found == connections.end()) return;  // cut_all() holds it
  auto closed = std::move(found->second.connection);
  --tally.of(found->second.carries, found->second.is_encrypted).open;
  connections.erase(found);
  loop.delete_later(std::move(closed));
  on_count_fell();
}

void HttpServer::Impl::on_count_fell() {
  if (is_full_paused && !is_full() && !accept_pause.is_set()) watch_all();
  if (count() == 0 && drained != nullptr && !drained_timer.is_set()) {
    // Not from inside a handler of the last connection.
    drained_timer = loop.after(Millis(0), [this] {
      drained_timer.cancel();
      if (count() > 0) return;
      const auto done = std::exchange(drained, nullptr);
      if (done != nullptr) done();
    });
  }
}

void HttpServer::Impl::cut_all() {
  auto waiting = std::exchange(newcomers, {});
  handshakes.clear();
  for (auto& [key, newcomer] : waiting) {
    newcomer->timeout.cancel();
    newcomer->handshake.reset();
    loop.remove(newcomer->socket.fd());
    newcomer->socket.close();
    loop.delete_later(std::move(newcomer));
  }
  auto running = std::exchange(connections, {});
  for (auto& [key, each] : running) each.connection->close_now();
  for (auto& [key, each] : running) {
    --tally.of(each.carries, each.is_encrypted).open;
    loop.delete_later(std::move(each.connection));
  }
  on_count_fell();
}

HttpServer::HttpServer(EventLoop& loop, Service& service, Log log, ServerOptions options)
    : impl_(std::make_unique<Impl>(loop, service, std::move(log), options)) {}

HttpServer::~HttpServer() {
  for (const auto& listener : impl_->listeners) impl_->unwatch(*listener);
  impl_->drained = nullptr;
  impl_->cut_all();
}

Result<void> HttpServer::listen(UniqueFd socket, ListenOptions options) {
  set_tcp_options(socket.get());
  auto listener = std::make_unique<Impl::Listener>(*impl_, std::move(socket), std::move(options));
  TRY_VOID(impl_->watch(*listener));
  impl_->listeners.push_back(std::move(listener));
  return {};
}

void HttpServer::drain(std::function<void()> done, IdleConnections idle) {
  impl_->is_draining = true;
  impl_->idle_in_drain = idle;
  impl_->drained = std::move(done);
  // Someone who just connected may be about to send; someone who only keeps a connection is not.
  for (const auto& [key, newcomer] : impl_->newcomers) {
    Newcomer& each = *newcomer;
    impl_->set_timeout(each, impl_->options.head_timeout);
  }
  std::vector<ServerConnection*> running;
  for (const auto& [key, connection] : impl_->connections) running.push_back(key);
  for (ServerConnection* connection : running) {
    if (impl_->connections.contains(connection)) connection->drain(idle);
  }
  impl_->on_count_fell();
}

void HttpServer::stop_accepting() {
  for (const auto& listener : impl_->listeners) {
    // Not watched any more when it looks for the last time: whom the kernel wakes for a connection
    // that comes later is another one who accepts from this socket.
    impl_->unwatch(*listener);
    impl_->accept_from(*listener, kMaxAcceptsAtEnd);
  }
  auto closed = std::exchange(impl_->listeners, {});
  for (auto& listener : closed) {
    listener->socket.reset();
    impl_->loop.delete_later(std::move(listener));
  }
}

void HttpServer::close_all() { impl_->cut_all(); }

std::size_t HttpServer::connections() const { return impl_->count(); }

const ServerTally& HttpServer::tally() const { return impl_->tally; }

std::size_t HttpServer::active_streams() const { return impl_->streams; }

}  // namespace pixell::net
