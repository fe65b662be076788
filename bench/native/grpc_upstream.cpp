// The gRPC upstream of the benchmarks: HTTP/2 with prior knowledge on a Unix socket, as cheap as
// nghttp2 allows. `grpc_upstream PATH`. Every unary call is answered with a message of 200 bytes.

#include <nghttp2/nghttp2.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "sockets.hpp"

namespace {

constexpr std::size_t kMessageBytes = 200;
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::uint32_t kStreamsMax = 1024;

// The frame of a message (gRPC over HTTP2, "Length-Prefixed-Message"): no compression, length.
const std::string kMessage = std::string("\0\0\0\0\xC8", 5) + std::string(kMessageBytes, '\x0a');
static_assert(kMessageBytes == 0xC8);

nghttp2_nv field(std::string_view name, std::string_view value) {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
          value.size(), NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

// The whole message fits into a frame; the trailers end the stream.
ssize_t read_message(nghttp2_session* session, std::int32_t stream, std::uint8_t* buffer,
                     std::size_t length, std::uint32_t* flags, nghttp2_data_source*, void*) {
  if (length < kMessage.size()) fail("the peer's window is smaller than a message");
  std::copy(kMessage.begin(), kMessage.end(), buffer);
  *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
  const nghttp2_nv trailer = field("grpc-status", "0");
  if (nghttp2_submit_trailer(session, stream, &trailer, 1) != 0) fail("cannot send trailers");
  return static_cast<ssize_t>(kMessage.size());
}

int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void*) {
  const bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  const bool is_request = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
  if (!is_end || !is_request) return 0;
  const std::array head{field(":status", "200"), field("content-type", "application/grpc")};
  nghttp2_data_provider body{.source = {}, .read_callback = read_message};
  return nghttp2_submit_response(session, frame->hd.stream_id, head.data(), head.size(), &body);
}

/// One connection and its session. Ends with the client's.
class Connection {
 public:
  Connection(int epoll, int fd) : epoll_(epoll), fd_(fd) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_server_new(&session_, callbacks, nullptr);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kStreamsMax};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &entry, 1);
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail_errno("epoll_ctl");
  }
  ~Connection() {
    nghttp2_session_del(session_);
    ::close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// False when the connection is over.
  bool serve() {
    static std::array<std::uint8_t, kReadBytes> buffer;
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
    if (got > 0 &&
        nghttp2_session_mem_recv(session_, buffer.data(), static_cast<std::size_t>(got)) != got)
      return false;
    return write_all();
  }

 private:
  bool write_all() {
    const std::uint8_t* data = nullptr;
    ssize_t length = 0;
    while ((length = nghttp2_session_mem_send(session_, &data)) > 0)
      pending_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(length));
    if (length < 0) return false;
    const ssize_t sent =
        pending_.empty() ? 0 : ::send(fd_, pending_.data(), pending_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    pending_.erase(0, static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
    const bool wants_output = !pending_.empty();
    if (wants_output != is_watched_for_output_) {
      epoll_event event{.events = EPOLLIN | (wants_output ? EPOLLOUT : 0u), .data = {.fd = fd_}};
      if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd_, &event) != 0) fail_errno("epoll_ctl");
    }
    is_watched_for_output_ = wants_output;
    return true;
  }

  int epoll_;
  int fd_;
  nghttp2_session* session_ = nullptr;
  std::string pending_;
  bool is_watched_for_output_ = false;
};

[[noreturn]] void run(const char* path) {
  const int epoll = ::epoll_create1(0);
  const int listener = listen_unix(path);
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  std::map<int, std::unique_ptr<Connection>> connections;
  std::array<epoll_event, 256> events{};
  while (true) {
    const int count = ::epoll_wait(epoll, events.data(), events.size(), -1);
    if (count < 0 && errno != EINTR) fail_errno("epoll_wait");
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd != listener) {
        if (!connections.at(fd)->serve()) connections.erase(fd);
        continue;
      }
      int made = -1;
      while ((made = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        connections[made] = std::make_unique<Connection>(epoll, made);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) fail("usage: grpc_upstream PATH");
  ::signal(SIGPIPE, SIG_IGN);
  run(argv[1]);
}
