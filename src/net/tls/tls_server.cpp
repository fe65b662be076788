#include "net/tls/tls_server.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "base/snapshot.hpp"
#include "net/tls/certified_key.hpp"
#include "net/tls/contexts.hpp"
#include "net/tls/limits.hpp"
#include "net/tls/ticket_keys.hpp"
#include "net/tls/tls_transport.hpp"
#include "net/tls/watched_files.hpp"

namespace pixell::net::tls {

struct TlsServer::Impl {
  /// A certificate with its key, or the authorities of the clients.
  struct Watched {
    CertificateFiles files;
    WatchedFiles watch;
    std::shared_ptr<const CertifiedKey> in_force;  // null when it never worked
  };

  Impl(TlsOptions o, Log l, const Clock& c)
      : options(std::move(o)), log(std::move(l)), clock(c), tickets(c) {}

  Result<void> put_in_force(std::vector<std::shared_ptr<const CertifiedKey>> keys,
                            std::shared_ptr<const std::vector<X509Ptr>> authorities);
  std::vector<std::shared_ptr<const CertifiedKey>> keys_in_force() const;
  Result<void> replace(std::size_t place);
  Result<void> check_options() const;
  Result<void> start();
  void start_with_what_works();
  Result<void> replace_client_ca();
  void take_changes(bool takes_all);
  void tell(const Watched& pair) const;

  const TlsOptions options;
  const Log log;
  const Clock& clock;
  TicketKeys tickets;
  const BioMethodPtr method = make_socket_method();
  std::vector<Watched> pairs;
  WatchedFiles client_ca_watch{{}};
  std::shared_ptr<const std::vector<X509Ptr>> client_ca;  // in force
  Snapshot<Contexts> contexts{nullptr};
};

// Everything is built with what is new before any of it takes the place of the old.
Result<void> TlsServer::Impl::put_in_force(
    std::vector<std::shared_ptr<const CertifiedKey>> keys,
    std::shared_ptr<const std::vector<X509Ptr>> authorities) {
  const ContextParts parts{.keys = std::move(keys),
                           .client_auth = options.client_auth,
                           .client_ca = std::move(authorities)};
  TRY(auto built, Contexts::build(parts, tickets));
  const bool lacks_authorities =
      options.client_auth != ClientAuth::None && parts.client_ca == nullptr;
  contexts.set(lacks_authorities ? nullptr : std::move(built));
  for (std::size_t place = 0; place < pairs.size(); ++place)
    pairs[place].in_force = parts.keys[place];
  client_ca = parts.client_ca;
  return {};
}

std::vector<std::shared_ptr<const CertifiedKey>> TlsServer::Impl::keys_in_force() const {
  std::vector<std::shared_ptr<const CertifiedKey>> keys;
  for (const Watched& pair : pairs) keys.push_back(pair.in_force);
  return keys;
}

void TlsServer::Impl::tell(const Watched& pair) const {
  const CertifiedKey& key = *pair.in_force;
  const UnixMillis now = clock.unix_now();
  const std::string until = iso8601(key.not_after);
  const std::string names = fmt::format("{}", fmt::join(key.names, ", "));
  log.info("TLS certificate in force",
           {{"file", pair.files.certificate.string()}, {"names", names}, {"valid_until", until}});
  const char* trouble = nullptr;
  if (key.not_after < now)
    trouble = "TLS certificate has expired: clients will refuse it; renew it";
  else if (key.not_before > now)
    trouble = "TLS certificate is not valid yet: clients will refuse it; look at the clock";
  else if (key.not_after < now + kExpiryNotice.count())
    trouble = "TLS certificate expires soon; renew it";
  if (trouble == nullptr) return;
  log.warning(trouble, {{"file", pair.files.certificate.string()}, {"valid_until", until}});
}

Result<void> TlsServer::Impl::check_options() const {
  const std::size_t count = options.certificates.size();
  if (count < 1 || count > kMaxCertificates)
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("TLS needs 1 to {} certificates, not {}; give each with its key",
                                  kMaxCertificates, count));
  if ((options.client_auth != ClientAuth::None) == options.client_ca.empty())
    return make_error(ErrorCode::InvalidArgument,
                      "TLS client certificates need both: whether they are required or optional, "
                      "and the file of the authorities that sign them");
  return {};
}

Result<void> TlsServer::Impl::start() {
  TRY_VOID(check_options());
  for (const CertificateFiles& files : options.certificates) {
    WatchedFiles watch({files.certificate, files.key});
    TRY(CertifiedKey key, load_certified_key(files));
    pairs.push_back(
        {files, std::move(watch), std::make_shared<const CertifiedKey>(std::move(key))});
  }
  if (options.client_auth != ClientAuth::None) {
    client_ca_watch = WatchedFiles({options.client_ca});
    TRY_VOID(replace_client_ca());
  } else {
    TRY_VOID(put_in_force(keys_in_force(), nullptr));
  }
  for (const Watched& pair : pairs) tell(pair);
  return {};
}

void TlsServer::Impl::start_with_what_works() {
  for (const CertificateFiles& files : options.certificates)
    pairs.push_back({files, WatchedFiles({files.certificate, files.key}), nullptr});
  if (options.client_auth != ClientAuth::None) client_ca_watch = WatchedFiles({options.client_ca});
  take_changes(true);
}

Result<void> TlsServer::Impl::replace_client_ca() {
  TRY(auto authorities, load_authorities(options.client_ca));
  return put_in_force(keys_in_force(),
                      std::make_shared<const std::vector<X509Ptr>>(std::move(authorities)));
}

Result<void> TlsServer::Impl::replace(std::size_t place) {
  TRY(CertifiedKey key, load_certified_key(pairs[place].files));
  auto keys = keys_in_force();
  keys[place] = std::make_shared<const CertifiedKey>(std::move(key));
  TRY_VOID(put_in_force(std::move(keys), client_ca));
  tell(pairs[place]);
  return {};
}

void TlsServer::Impl::take_changes(bool takes_all) {
  const bool has_new_ca = client_ca_watch.has_settled_change() || takes_all;
  if (has_new_ca && options.client_auth != ClientAuth::None) {
    if (takes_all) client_ca_watch.note_all();
    if (const auto replaced = replace_client_ca())
      log.info("TLS client authorities in force", {{"file", options.client_ca.string()}});
    else
      log.error(client_ca == nullptr
                    ? "TLS client authorities refused; nobody is let in until the file changes"
                    : "TLS client authorities refused; the former ones stay in force",
                {{"reason", replaced.error().message}});
  }
  for (std::size_t place = 0; place < pairs.size(); ++place) {
    const bool has_changed = pairs[place].watch.has_settled_change();
    if (!has_changed && !takes_all) continue;
    if (takes_all) pairs[place].watch.note_all();
    if (const auto replaced = replace(place); !replaced)
      log.error(pairs[place].in_force == nullptr
                    ? "TLS certificate refused; there is none for its names until its files change"
                    : "TLS certificate refused; the former one stays in force",
                {{"file", pairs[place].files.certificate.string()},
                 {"reason", replaced.error().message}});
  }
}

TlsServer::TlsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsServer::~TlsServer() = default;

Result<std::unique_ptr<TlsServer>> TlsServer::load(TlsOptions options, Log log,
                                                   const Clock& clock) {
  set_up_openssl();
  auto impl = std::make_unique<Impl>(std::move(options), std::move(log), clock);
  TRY_VOID(impl->start());
  return std::unique_ptr<TlsServer>(new TlsServer(std::move(impl)));
}

Result<std::unique_ptr<TlsServer>> TlsServer::load_what_works(TlsOptions options, Log log,
                                                              const Clock& clock) {
  set_up_openssl();
  auto impl = std::make_unique<Impl>(std::move(options), std::move(log), clock);
  TRY_VOID(impl->check_options());
  impl->start_with_what_works();
  return std::unique_ptr<TlsServer>(new TlsServer(std::move(impl)));
}

std::unique_ptr<Transport> TlsServer::make(int fd) {
  auto contexts = impl_->contexts.get();
  if (contexts == nullptr) return nullptr;
  return TlsTransport::make(fd, std::move(contexts), *impl_->method);
}

void TlsServer::look_at_files() { impl_->take_changes(false); }

void TlsServer::reload() { impl_->take_changes(true); }

}  // namespace pixell::net::tls
