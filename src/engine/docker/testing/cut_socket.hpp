#pragma once

#include <atomic>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"

namespace pixell::engine::docker::testing {

/// A Unix socket that passes everything on to another one, and can lose a reply: the request is
/// passed on and carried out, but the connection ends without its answer.
class CutSocket {
 public:
  CutSocket(std::filesystem::path own, std::filesystem::path other);
  ~CutSocket();
  CutSocket(const CutSocket&) = delete;
  CutSocket& operator=(const CutSocket&) = delete;

  /// Loses the reply to the next request whose first line has the text.
  void lose_reply_to(const std::string& text);

 private:
  void accept_all(const std::stop_token& stop);
  void pass_on(UniqueFd client, const std::stop_token& stop);
  bool is_to_be_lost(std::string_view request);

  std::filesystem::path own_;
  std::filesystem::path other_;
  UniqueFd listener_;
  std::mutex mutex_;  // guards lost_ and connections_
  std::string lost_;
  std::vector<std::jthread> connections_;
  std::jthread acceptor_;
};

}  // namespace pixell::engine::docker::testing
