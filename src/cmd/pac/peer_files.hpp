#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

// The certificates that edge and control know each other by (mutual TLS): on either side an
// authority of the other's certificate, and a certificate of one's own with its key.

namespace pixell::cmd {

/// PEM files.
struct PeerFiles {
  std::filesystem::path ca;
  std::filesystem::path certificate;
  std::filesystem::path key;
};

/// The same as they are given: each is a file, or the PEM text itself, as container services hand
/// secrets to programs.
struct PeerText {
  std::string ca;
  std::string certificate;
  std::string key;

  bool is_whole() const { return !ca.empty() && !certificate.empty() && !key.empty(); }
  bool is_empty() const { return ca.empty() && certificate.empty() && key.empty(); }
};

/// The options that give them, for messages.
struct PeerOptionNames {
  std::string_view ca;
  std::string_view certificate;
  std::string_view key;
};
inline constexpr PeerOptionNames kControlOptions{"--control-ca", "--control-cert", "--control-key"};
inline constexpr PeerOptionNames kEdgeListenOptions{"--edge-client-ca", "--edge-tls-cert",
                                                    "--edge-tls-key"};

/// Whether all three are given: InvalidArgument names `owner`, the option they belong to, and the
/// first that is missing.
Result<void> check_whole(const PeerText& text, std::string_view owner,
                         const PeerOptionNames& names);

/// Makes files of them: paths become absolute, and text is written into `directory`, which is made,
/// for this user only.
Result<PeerFiles> place_peer_files(const PeerText& text, const std::filesystem::path& directory);

/// Reads the files: whether they hold an authority, and a certificate with its key. Errors name the
/// file and the remedy.
Result<void> check_peer_files(const PeerFiles& files);

}  // namespace pixell::cmd
