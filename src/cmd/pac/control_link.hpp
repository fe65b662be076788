#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "cmd/pac/peer_files.hpp"

namespace pixell::cmd {

/// One request of an edge to control.
struct ControlRequest {
  std::string method = "GET";
  std::string target;        ///< path and query
  std::string content_type;  ///< of `body`; empty = there is no body
  std::string body;
  Millis timeout{0};  ///< for the whole exchange
  std::stop_token stop;
};

struct ControlReply {
  int status = 0;
  std::string body;
};

/// The way from an edge to control. Blocks; one thread at a time.
class ControlLink {
 public:
  virtual ~ControlLink() = default;
  /// Any HTTP status is a reply. Unavailable while control is away, DeadlineExceeded when it hangs,
  /// Cancelled when stop is asked, ResourceExhausted for an answer that is too long,
  /// Unauthenticated when one of the two certificates is not good for the other side.
  virtual Result<ControlReply> ask(ControlRequest request) = 0;
};

/// To the control of this machine, by its Unix socket.
std::unique_ptr<ControlLink> make_socket_link(std::filesystem::path socket);

/// Where the control of another machine serves edges (`pac serve --edge-listen`).
struct RemoteControl {
  std::string url;  ///< "https://host:port"
  PeerFiles files;  ///< who signed control's certificate, and the edge's own
};

/// "https://host:port", with or without a '/' at the end, as RemoteControl::url has it;
/// InvalidArgument for anything else.
Result<std::string> parse_control_url(const std::string& text);

/// To a remote control, over TLS: its certificate must be of the authority and have the host's
/// name. The files are read for each connection, so that renewed ones count at once.
std::unique_ptr<ControlLink> make_tls_link(RemoteControl control);

}  // namespace pixell::cmd
