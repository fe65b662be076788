#include "engine/docker/testing/cut_socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/check.hpp"
#include "base/files.hpp"

namespace pixell::engine::docker::testing {

namespace {

constexpr int kPollMs = 100;

UniqueFd unix_socket(const std::filesystem::path& path, bool is_listening) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  CHECK(path.string().size() < sizeof address.sun_path, "scratch paths are short");
  std::strcpy(address.sun_path, path.c_str());
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  const int failed = is_listening ? ::bind(fd.get(), raw, sizeof address) | ::listen(fd.get(), 64)
                                  : ::connect(fd.get(), raw, sizeof address);
  if (failed != 0) fd.reset();
  return fd;
}

bool is_readable(int fd, int timeout_ms) {
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, timeout_ms) > 0;
}

}  // namespace

CutSocket::CutSocket(std::filesystem::path own, std::filesystem::path other)
    : own_(std::move(own)), other_(std::move(other)), listener_(unix_socket(own_, true)) {
  CHECK(listener_, "the scratch directory is ours");
  acceptor_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
}

CutSocket::~CutSocket() {
  acceptor_ = {};  // joins
  connections_.clear();
  ::unlink(own_.c_str());
}

void CutSocket::lose_reply_to(const std::string& text) {
  const std::lock_guard lock(mutex_);
  lost_ = text;
}

bool CutSocket::is_to_be_lost(std::string_view request) {
  const std::lock_guard lock(mutex_);
  const std::string_view line = request.substr(0, request.find('\r'));
  if (lost_.empty() || line.find(lost_) == std::string_view::npos) return false;
  lost_.clear();
  return true;
}

void CutSocket::accept_all(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (!is_readable(listener_.get(), kPollMs)) continue;
    UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) continue;
    const std::lock_guard lock(mutex_);
    connections_.emplace_back([this, fd = std::move(client)](const std::stop_token& ended) mutable {
      pass_on(std::move(fd), ended);
    });
  }
}

void CutSocket::pass_on(UniqueFd client, const std::stop_token& stop) {
  const UniqueFd server = unix_socket(other_, false);
  if (!server) return;
  std::array<pollfd, 2> ready{pollfd{.fd = client.get(), .events = POLLIN, .revents = 0},
                              pollfd{.fd = server.get(), .events = POLLIN, .revents = 0}};
  std::array<char, 16 * 1024> bytes{};
  bool is_first = true;
  bool is_lost = false;
  while (!stop.stop_requested()) {
    if (::poll(ready.data(), ready.size(), kPollMs) <= 0) continue;
    for (const bool from_client : {true, false}) {
      if (ready[from_client ? 0 : 1].revents == 0) continue;
      const ssize_t got =
          ::read(from_client ? client.get() : server.get(), bytes.data(), bytes.size());
      if (got <= 0) return;
      const std::string_view piece(bytes.data(), static_cast<std::size_t>(got));
      if (from_client && is_first) is_lost = is_to_be_lost(piece);
      is_first = false;
      if (!from_client && is_lost) return;  // the answer is there: it was carried out
      if (!write_all(from_client ? server.get() : client.get(), piece)) return;
    }
  }
}

}  // namespace pixell::engine::docker::testing
