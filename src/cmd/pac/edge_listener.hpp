#pragma once

#include <memory>

#include "api/api.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "cmd/pac/peer_files.hpp"
#include "net/server.hpp"
#include "net/stream.hpp"
#include "net/tls/tls_server.hpp"

namespace pixell::net {
class EventLoop;
}

namespace pixell::cmd {

/// Where control serves edges of other machines: over TLS, to those with a good certificate, and
/// nothing but what edges need (api::make_edge_api). Their long-polls have threads of their own, so
/// that a large fleet leaves the API its.
class EdgeListener {
 public:
  /// Outlived by `loop` and `context`.
  static Result<std::unique_ptr<EdgeListener>> make(const PeerFiles& files, net::EventLoop& loop,
                                                    const api::ApiContext& context, const Log& log);

  /// Has `server`, of the same loop, accept on a duplicate of the listening socket `fd`. The server
  /// ends before this does.
  Result<void> listen(net::HttpServer& server, int fd);

  /// Reads the certificates that were replaced; to be called every net::tls::kFilePoll, by one
  /// thread.
  void look_at_files() { tls_->look_at_files(); }
  /// Ends the threads; the loop runs no more.
  void stop() { pool_.stop(); }

 private:
  explicit EdgeListener(std::unique_ptr<net::tls::TlsServer> tls);

  std::unique_ptr<net::tls::TlsServer> tls_;
  ThreadPool pool_;
  std::unique_ptr<net::Service> service_;
};

}  // namespace pixell::cmd
