#include "cmd/pac/edge_listener.hpp"

#include <fcntl.h>

#include "cmd/pac/limits.hpp"
#include "net/blocking_service.hpp"

namespace pixell::cmd {

EdgeListener::EdgeListener(std::unique_ptr<net::tls::TlsServer> tls)
    : tls_(std::move(tls)), pool_(kEdgeListenThreads) {}

Result<std::unique_ptr<EdgeListener>> EdgeListener::make(const PeerFiles& files,
                                                         net::EventLoop& loop,
                                                         const api::ApiContext& context,
                                                         const Log& log) {
  // `pac serve` has refused bad files at its start; a control that is started again later must not
  // stay away because of a renewal that went wrong meanwhile.
  TRY(auto tls,
      net::tls::TlsServer::load_what_works({.certificates = {{files.certificate, files.key}},
                                            .client_auth = net::tls::ClientAuth::Required,
                                            .client_ca = files.ca},
                                           log));
  std::unique_ptr<EdgeListener> listener(new EdgeListener(std::move(tls)));
  listener->service_ =
      net::make_blocking_service(loop, listener->pool_, api::make_edge_api(context));
  return listener;
}

Result<void> EdgeListener::listen(net::HttpServer& server, int fd) {
  UniqueFd socket(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!socket) return errno_error("cannot duplicate the listening socket for edges", errno);
  return server.listen(std::move(socket),
                       {.name = "edges", .transports = tls_.get(), .service = service_.get()});
}

}  // namespace pixell::cmd
