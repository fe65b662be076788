#pragma once

#include <memory>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "net/tls/tls_options.hpp"
#include "net/transport.hpp"

namespace pixell::net::tls {

/// TLS 1.2 and 1.3 for the listeners of one process: certificates by SNI, HTTP/2 and HTTP/1.1 by
/// ALPN, sessions that every loop resumes, certificates of clients. The files are read anew when
/// they change; connections keep what they began with.
class TlsServer final : public TransportMaker {
 public:
  /// Reads the files. Errors name the file and what to do; a certificate that has expired, or soon
  /// will, is a warning in the log.
  static Result<std::unique_ptr<TlsServer>> load(TlsOptions options, Log log,
                                                 const Clock& clock = system_clock());
  /// The same for who must come up whatever is on disk now: a pair that does not work is logged and
  /// left out until its files change. Connections are closed while there is none, or no authority
  /// of the clients that are to be asked. InvalidArgument when the options do not go together.
  static Result<std::unique_ptr<TlsServer>> load_what_works(TlsOptions options, Log log,
                                                            const Clock& clock = system_clock());
  ~TlsServer() override;

  std::unique_ptr<Transport> make(int fd) override;

  /// Reads the files that changed and rest since the last look. A pair that does not work is
  /// logged, and the one before stays in force. To be called every kFilePoll, by one thread.
  void look_at_files();
  /// Reads all files now. By the same thread.
  void reload();

 private:
  struct Impl;
  explicit TlsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pixell::net::tls
