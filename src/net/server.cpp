#include "net/server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/event_loop.hpp"
#include "net/server_connection.hpp"
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

struct HttpServer::Impl final : ServerConnectionOwner {
  // A listening socket. Level-triggered: what one turn leaves in the backlog is told again.
  struct Listener final : FdHandler {
    Listener(Impl& i, UniqueFd s, std::string n)
        : impl(i), socket(std::move(s)), name(std::move(n)) {}
    void on_ready(std::uint32_t) override { impl.accept_from(*this, kMaxAcceptsPerTurn); }

    Impl& impl;
    UniqueFd socket;
    std::string name;
    bool is_watched = false;
  };

  // An accepted connection whose protocol is not known yet.
  struct Newcomer final : FdHandler {
    Newcomer(Impl& i, Socket s, PeerInfo p) : impl(i), socket(std::move(s)), peer(std::move(p)) {}
    void on_ready(std::uint32_t events) override {
      if ((socket.absorb(events) & ~std::uint32_t(EPOLLOUT)) != 0) impl.read_first_bytes(*this);
    }

    Impl& impl;
    Socket socket;
    PeerInfo peer;
    std::string first_bytes;
    Timer timeout;
  };

  Impl(EventLoop& l, Service& s, Log g, ServerOptions o)
      : loop(l), service(s), log(std::move(g)), options(o) {}

  void stream_opened() override { ++streams; }
  void stream_closed() override { --streams; }
  void connection_closed(ServerConnection& connection) override;

  Result<void> watch(Listener& listener);
  void unwatch(Listener& listener);
  void watch_all();
  void pause_accepting();
  bool is_full() const { return count() >= options.max_connections; }
  std::size_t count() const { return newcomers.size() + connections.size(); }

  void accept_from(Listener& listener, int most);
  void on_accept_error(int error);
  void welcome(Listener& listener, UniqueFd socket, const sockaddr_storage& address);
  void read_first_bytes(Newcomer& newcomer);
  void promote(Newcomer& newcomer, bool is_http2);
  std::unique_ptr<Newcomer> take(Newcomer& newcomer);
  void dismiss(Newcomer& newcomer);
  void on_count_fell();
  void cut_all();

  EventLoop& loop;
  Service& service;
  Log log;
  ServerOptions options;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::unordered_map<Newcomer*, std::unique_ptr<Newcomer>> newcomers;
  std::unordered_map<ServerConnection*, std::unique_ptr<ServerConnection>> connections;
  std::size_t streams = 0;
  bool is_draining = false;
  bool is_full_paused = false;
  Instant last_failure_line{};
  Timer accept_pause;  // set while descriptors are short
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
  if (last_failure_line == Instant() || now - last_failure_line > std::chrono::seconds(10)) {
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
  auto owned = std::make_unique<Newcomer>(*this, Socket(std::move(socket)),
                                          PeerInfo{peer_text(address), listener.name});
  Newcomer& newcomer = *owned;
  if (!loop.add(newcomer.socket.fd(), newcomer)) return;  // closes it
  newcomers.emplace(&newcomer, std::move(owned));
  newcomer.timeout = loop.after(is_draining ? kDrainGrace : options.head_timeout,
                                [this, &newcomer] { dismiss(newcomer); });
}

void HttpServer::Impl::read_first_bytes(Newcomer& newcomer) {
  for (;;) {
    const ssize_t n = newcomer.socket.read(loop.scratch(), EventLoop::kScratchBytes);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n <= 0) return dismiss(newcomer);
    newcomer.first_bytes.append(loop.scratch(), std::size_t(n));
    const std::string_view seen = newcomer.first_bytes;
    if (!seen.starts_with(kH2Preface.substr(0, seen.size()))) return promote(newcomer, false);
    if (seen.size() >= kH2Preface.size()) return promote(newcomer, true);
  }
}

std::unique_ptr<HttpServer::Impl::Newcomer> HttpServer::Impl::take(Newcomer& newcomer) {
  auto node = newcomers.extract(&newcomer);
  newcomer.timeout.cancel();
  if (newcomer.socket) loop.remove(newcomer.socket.fd());
  return std::move(node.mapped());
}

void HttpServer::Impl::promote(Newcomer& newcomer, bool is_http2) {
  auto taken = take(newcomer);
  ServerConnectionContext context{.loop = loop,
                                  .service = service,
                                  .owner = *this,
                                  .options = options,
                                  .peer = std::move(taken->peer),
                                  .log = log};
  auto owned = is_http2 ? make_http2_connection(std::move(context), std::move(taken->socket))
                        : make_http1_connection(std::move(context), std::move(taken->socket));
  ServerConnection& connection = *owned;
  connections.emplace(&connection, std::move(owned));
  connection.start(std::move(taken->first_bytes));
  if (is_draining && connections.contains(&connection)) connection.drain();
  loop.delete_later(std::move(taken));  // we are in its callback
}

void HttpServer::Impl::dismiss(Newcomer& newcomer) {
  auto taken = take(newcomer);
  taken->socket.close();
  loop.delete_later(std::move(taken));
  on_count_fell();
}

void HttpServer::Impl::connection_closed(ServerConnection& connection) {
  const auto found = connections.find(&connection);
  if (found == connections.end()) return;  // cut_all() holds it
  auto closed = std::move(found->second);
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
  for (auto& [key, newcomer] : waiting) {
    newcomer->timeout.cancel();
    loop.remove(newcomer->socket.fd());
    newcomer->socket.close();
    loop.delete_later(std::move(newcomer));
  }
  auto running = std::exchange(connections, {});
  for (auto& [key, connection] : running) connection->close_now();
  for (auto& [key, connection] : running) loop.delete_later(std::move(connection));
  on_count_fell();
}

HttpServer::HttpServer(EventLoop& loop, Service& service, Log log, ServerOptions options)
    : impl_(std::make_unique<Impl>(loop, service, std::move(log), options)) {}

HttpServer::~HttpServer() {
  for (const auto& listener : impl_->listeners) impl_->unwatch(*listener);
  impl_->drained = nullptr;
  impl_->cut_all();
}

Result<void> HttpServer::listen(UniqueFd socket, std::string listener_name) {
  set_tcp_options(socket.get());
  auto listener =
      std::make_unique<Impl::Listener>(*impl_, std::move(socket), std::move(listener_name));
  TRY_VOID(impl_->watch(*listener));
  impl_->listeners.push_back(std::move(listener));
  return {};
}

void HttpServer::drain(std::function<void()> done) {
  impl_->is_draining = true;
  impl_->drained = std::move(done);
  // Someone who just connected may be about to send; someone who only keeps a connection is not.
  for (const auto& [key, newcomer] : impl_->newcomers) {
    Impl::Newcomer& each = *newcomer;
    each.timeout = impl_->loop.after(std::min(kDrainGrace, impl_->options.head_timeout),
                                     [this, &each] { impl_->dismiss(each); });
  }
  std::vector<ServerConnection*> running;
  for (const auto& [key, connection] : impl_->connections) running.push_back(key);
  for (ServerConnection* connection : running) {
    if (impl_->connections.contains(connection)) connection->drain();
  }
  impl_->on_count_fell();
}

void HttpServer::stop_accepting() {
  for (const auto& listener : impl_->listeners) {
    impl_->accept_from(*listener, 65'536);
    impl_->unwatch(*listener);
  }
  auto closed = std::exchange(impl_->listeners, {});
  for (auto& listener : closed) {
    listener->socket.reset();
    impl_->loop.delete_later(std::move(listener));
  }
}

void HttpServer::close_all() { impl_->cut_all(); }

std::size_t HttpServer::connections() const { return impl_->count(); }

std::size_t HttpServer::active_streams() const { return impl_->streams; }

}  // namespace pixell::net
