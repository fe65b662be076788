#include "cmd/pac/tls_arguments.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace pixell::cmd {

namespace {

using net::tls::ClientAuth;

constexpr const char* kRequire = "require";
constexpr const char* kOptional = "optional";

Result<std::filesystem::path> absolute_file(std::string_view option, const std::string& text) {
  std::error_code failed;
  const auto path = std::filesystem::absolute(text, failed);
  if (text.empty() || failed)
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("{} '{}' must name a file", option, text));
  return path.lexically_normal();
}

}  // namespace

void add_tls_options(CLI::App& command, TlsArguments& arguments) {
  command.add_option("--tls-cert", arguments.certificates,
                     "PEM file of a certificate for TLS and those that lead to its root; may be "
                     "repeated: clients get the one for the name they ask for, or the first");
  command.add_option("--tls-key", arguments.keys,
                     "PEM file of its private key; one for each --tls-cert, in the same order");
  command.add_option("--tls-client-ca", arguments.client_ca,
                     "PEM file of the authorities that sign certificates of clients");
  command
      .add_option("--tls-client-auth", arguments.client_auth,
                  "require or optional: whether clients must show such a certificate. Default: "
                  "require, when --tls-client-ca is given")
      ->check(CLI::IsMember({kRequire, kOptional}));
}

Result<void> check_tls(const TlsUse& use) {
  const auto needs = [](std::string_view option, std::string_view other) {
    return make_error(ErrorCode::InvalidArgument, fmt::format("{} needs {}", option, other));
  };
  const bool has_certificate = !use.tls.certificates.empty();
  if (use.is_listening && !has_certificate)
    return needs("--tls-listen", "--tls-cert FILE and --tls-key FILE");
  if (has_certificate && !use.is_listening)
    return needs("--tls-cert", "--tls-listen ADDRESS:PORT, where it is shown");
  if (!use.tls.client_ca.empty() && !use.is_listening)
    return needs("--tls-client-ca", "--tls-listen ADDRESS:PORT, where clients are asked");
  if (use.is_redirecting && !use.is_listening)
    return needs("--redirect-listen", "--tls-listen ADDRESS:PORT, where it leads");
  if (use.redirect_port != 0 && !use.is_redirecting)
    return needs("--redirect-port", "--redirect-listen ADDRESS:PORT");
  return {};
}

Result<net::tls::TlsOptions> resolve_tls(const TlsArguments& arguments) {
  if (arguments.certificates.size() != arguments.keys.size())
    return make_error(
        ErrorCode::InvalidArgument,
        fmt::format("--tls-cert is given {} times and --tls-key {} times; give one --tls-key for "
                    "each --tls-cert, in the same order",
                    arguments.certificates.size(), arguments.keys.size()));
  if (arguments.client_ca.empty() && !arguments.client_auth.empty())
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("--tls-client-auth {} needs --tls-client-ca FILE: who signs the "
                                  "certificates of clients",
                                  arguments.client_auth));
  net::tls::TlsOptions options;
  for (std::size_t i = 0; i < arguments.certificates.size(); ++i) {
    net::tls::CertificateFiles files;
    TRY(files.certificate, absolute_file("--tls-cert", arguments.certificates[i]));
    TRY(files.key, absolute_file("--tls-key", arguments.keys[i]));
    options.certificates.push_back(std::move(files));
  }
  if (arguments.client_ca.empty()) return options;
  TRY(options.client_ca, absolute_file("--tls-client-ca", arguments.client_ca));
  options.client_auth =
      arguments.client_auth == kOptional ? ClientAuth::Optional : ClientAuth::Required;
  return options;
}

std::vector<std::string> tls_arguments_of(const net::tls::TlsOptions& options) {
  std::vector<std::string> arguments;
  for (const net::tls::CertificateFiles& files : options.certificates)
    arguments.insert(arguments.end(),
                     {"--tls-cert", files.certificate.string(), "--tls-key", files.key.string()});
  if (options.client_auth != ClientAuth::None)
    arguments.insert(arguments.end(),
                     {"--tls-client-ca", options.client_ca.string(), "--tls-client-auth",
                      options.client_auth == ClientAuth::Optional ? kOptional : kRequire});
  return arguments;
}

}  // namespace pixell::cmd
