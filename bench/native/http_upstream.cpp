// The upstream of the benchmarks: HTTP/1.1 on a Unix socket, as cheap as can be, so that what is
// measured is the proxy. `http_upstream PATH`. What it answers is the last segment of the target:
//
//   small   200 bytes                    64k, 1m  bodies of that size
//   stream  100 chunks of 64 bytes, each written by itself
//   idle    one event, and then nothing more until the client goes away

#include <sys/epoll.h>

#include <array>
#include <csignal>
#include <string>
#include <string_view>
#include <vector>

#include "sockets.hpp"

namespace {

constexpr int kChunks = 100;
constexpr std::size_t kReadBytes = 64 * 1024;

std::string reply_of(std::size_t bytes) {
  return "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: " +
         std::to_string(bytes) + "\r\n\r\n" + std::string(bytes, 'x');
}

const std::string kStreamHead =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const std::string kChunk = "40\r\ndata: " + std::string(56, 'x') + "\n\n\r\n";
const std::string kSmall = reply_of(200);
const std::string kMedium = reply_of(64 * 1024);
const std::string kLarge = reply_of(1024 * 1024);

/// A connection: what it has sent of the next request, and what of the reply is to be written yet.
struct Connection {
  int fd = -1;
  std::string input{};
  std::string_view output{};
  int chunks_left = 0;
  bool ends_chunks = false;
  bool is_watched_for_output = false;
};

class Upstream {
 public:
  explicit Upstream(const char* path) : epoll_(::epoll_create1(0)), listener_(listen_unix(path)) {
    watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    while (true) {
      const int count = ::epoll_wait(epoll_, events.data(), events.size(), -1);
      if (count < 0 && errno != EINTR) fail_errno("epoll_wait");
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == listener_)
          accept_all();
        else
          serve(connections_[static_cast<std::size_t>(fd)]);
      }
    }
  }

 private:
  void watch(int fd, std::uint32_t events, int operation) {
    epoll_event event{.events = events, .data = {.fd = fd}};
    if (::epoll_ctl(epoll_, operation, fd, &event) != 0) fail_errno("epoll_ctl");
  }

  void accept_all() {
    while (true) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      if (connections_.size() <= static_cast<std::size_t>(fd))
        connections_.resize(static_cast<std::size_t>(fd) + 1);
      connections_[static_cast<std::size_t>(fd)] = Connection{.fd = fd};
      watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
  }

  void serve(Connection& connection) {
    if (!write_pending(connection)) return;
    const ssize_t got = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
      ::close(connection.fd);
      connection = Connection();
      return;
    }
    if (got > 0) connection.input.append(buffer_.data(), static_cast<std::size_t>(got));
    while (connection.output.empty() && connection.chunks_left == 0) {
      const std::size_t end = connection.input.find("\r\n\r\n");
      if (end == std::string::npos) return;
      begin_reply(connection, std::string_view(connection.input).substr(0, end));
      connection.input.erase(0, end + 4);
      if (!write_pending(connection)) return;
    }
  }

  static void begin_reply(Connection& connection, std::string_view head) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    const std::string_view target = line.substr(0, line.rfind(' '));
    const std::string_view what = target.substr(target.rfind('/') + 1);
    if (what == "64k") {
      connection.output = kMedium;
    } else if (what == "1m") {
      connection.output = kLarge;
    } else if (what == "stream" || what == "idle") {
      connection.output = kStreamHead;
      connection.chunks_left = what == "stream" ? kChunks : 1;
      connection.ends_chunks = what == "stream";
    } else {
      connection.output = kSmall;
    }
  }

  // Whether everything that is to be written has been.
  bool write_pending(Connection& connection) {
    static constexpr std::string_view kEnd = "0\r\n\r\n";
    while (true) {
      while (!connection.output.empty()) {
        const ssize_t sent =
            ::send(connection.fd, connection.output.data(), connection.output.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
          if (!connection.is_watched_for_output)
            watch(connection.fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
          connection.is_watched_for_output = true;
          return false;
        }
        if (sent < 0) {  // the client has gone; reading will tell
          connection.output = {};
          connection.chunks_left = 0;
          return true;
        }
        connection.output.remove_prefix(static_cast<std::size_t>(sent));
      }
      if (connection.chunks_left > 0) {
        connection.output = kChunk;
        --connection.chunks_left;
      } else if (connection.ends_chunks) {
        connection.output = kEnd;
        connection.ends_chunks = false;
      } else {
        break;
      }
    }
    if (connection.is_watched_for_output) watch(connection.fd, EPOLLIN, EPOLL_CTL_MOD);
    connection.is_watched_for_output = false;
    return true;
  }

  int epoll_;
  int listener_;
  std::vector<Connection> connections_;  // by descriptor
  std::array<char, kReadBytes> buffer_{};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) fail("usage: http_upstream PATH");
  ::signal(SIGPIPE, SIG_IGN);
  Upstream(argv[1]).run();
}
