#include "cmd/pac/peer_files.hpp"

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "net/tls/tls_server.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPemBegin = "-----BEGIN ";

Result<fs::path> place(const std::string& text, const fs::path& as_file) {
  if (text.starts_with(kPemBegin)) {
    TRY_VOID(make_directories(as_file.parent_path(), 0700));
    TRY_VOID(write_file_atomically(as_file, text, 0600, Durability::ProcessCrash));
    return as_file;
  }
  std::error_code failed;
  const fs::path path = fs::absolute(text, failed);
  if (!failed) return path.lexically_normal();
  return make_error(ErrorCode::InvalidArgument,
                    fmt::format("'{}' must name a file: {}", text, failed.message()));
}

}  // namespace

Result<void> check_whole(const PeerText& text, std::string_view owner,
                         const PeerOptionNames& names) {
  std::string_view missing;
  if (text.ca.empty())
    missing = names.ca;
  else if (text.certificate.empty())
    missing = names.certificate;
  else if (text.key.empty())
    missing = names.key;
  if (missing.empty()) return {};
  return make_error(
      ErrorCode::InvalidArgument,
      fmt::format("{} needs {} FILE: edge and control show each other certificates, give {}, {} "
                  "and {}",
                  owner, missing, names.ca, names.certificate, names.key));
}

Result<PeerFiles> place_peer_files(const PeerText& text, const fs::path& directory) {
  PeerFiles files;
  TRY(files.ca, place(text.ca, directory / "ca.pem"));
  TRY(files.certificate, place(text.certificate, directory / "certificate.pem"));
  TRY(files.key, place(text.key, directory / "key.pem"));
  return files;
}

Result<void> check_peer_files(const PeerFiles& files) {
  // Both sides have the same three files, and a TLS server reads them with the best messages.
  TRY_VOID(net::tls::TlsServer::load({.certificates = {{files.certificate, files.key}},
                                      .client_auth = net::tls::ClientAuth::Required,
                                      .client_ca = files.ca},
                                     Log(1, LogLevel::Error)));
  return {};
}

}  // namespace pixell::cmd
