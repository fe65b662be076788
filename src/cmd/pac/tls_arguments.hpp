#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/tls/tls_options.hpp"

// TLS on the command line: the same options for `pac serve`, where people type them, and for the
// edge role that serves them.

namespace pixell::cmd {

/// The options as they are typed.
struct TlsArguments {
  std::vector<std::string> certificates;
  std::vector<std::string> keys;
  std::string client_ca;
  std::string client_auth;
};

void add_tls_options(CLI::App& command, TlsArguments& arguments);

/// What is listened on beside plain listeners, and with what.
struct TlsUse {
  const net::tls::TlsOptions& tls;
  bool is_listening = false;    ///< encrypted
  bool is_redirecting = false;  ///< to the encrypted listener
  std::uint16_t redirect_port = 0;
};
/// Whether the options of TLS and of its listeners go together. InvalidArgument names the one that
/// is missing.
Result<void> check_tls(const TlsUse& use);

/// What they mean; files become absolute. InvalidArgument names the option and the remedy.
Result<net::tls::TlsOptions> resolve_tls(const TlsArguments& arguments);

/// The other way round: what resolve_tls() makes the same options of.
std::vector<std::string> tls_arguments_of(const net::tls::TlsOptions& options);

}  // namespace pixell::cmd
