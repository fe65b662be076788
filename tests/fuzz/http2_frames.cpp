// The bytes of a stranger on an HTTP/2 connection. However they are cut the service sees the same
// requests, each is told its end once, and the connection ends with the socket.

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/files.hpp"
#include "input.hpp"
#include "net/event_loop.hpp"
#include "net/limits.hpp"
#include "net/server_connection.hpp"
#include "net/socket.hpp"

namespace {

using namespace pixell::net;  // NOLINT: the target is about this room alone

// What the socket takes without anybody reading at the other end.
constexpr std::size_t kMaxInput = 16 * 1024;

// One request as the service saw it.
struct Seen {
  std::string head;
  std::string body;
  bool has_ended = false;
  bool has_aborted = false;
};

// Answers a request with its own body once it is complete.
class Echo final : public StreamHandler {
 public:
  Echo(ServerStream& stream, Seen& seen) : stream_(stream), seen_(seen) {}

  void on_data(std::string_view bytes) override {
    CHECK(!seen_.has_ended && !seen_.has_aborted, "no body after the end");
    seen_.body += bytes;
  }
  void on_end(const Headers&) override {
    CHECK(!seen_.has_ended && !seen_.has_aborted, "one end");
    seen_.has_ended = true;
    stream_.send_head({.status = 200, .headers = {}}, false);
    stream_.send_data(seen_.body);
    stream_.finish();
  }
  void on_abort(AbortReason) override {
    CHECK(!seen_.has_aborted, "one end");
    seen_.has_aborted = true;
  }

 private:
  ServerStream& stream_;
  Seen& seen_;
};

class Recorder final : public Service, public ServerConnectionOwner {
 public:
  explicit Recorder(EventLoop& loop) : loop_(loop) {}

  std::unique_ptr<StreamHandler> on_request(ServerStream& stream) override {
    const RequestHead& head = stream.request();
    CHECK(head.target == "*" || head.target.starts_with('/'), "a target is a path");
    CHECK(head.target.size() <= kMaxTargetBytes, "and limited");
    CHECK(head.headers.size() <= kMaxHeaderFields + 1, "so are the fields; cookies become one");
    auto seen = std::make_unique<Seen>();
    seen->head = head.method + " " + head.authority + head.target;
    for (std::size_t i = 0; i < head.headers.size(); ++i)
      seen->head.append("\n")
          .append(head.headers[i].name)
          .append(":")
          .append(head.headers[i].value);
    seen_.push_back(std::move(seen));
    return std::make_unique<Echo>(stream, *seen_.back());
  }
  void stream_opened() override { ++open_streams_; }
  void stream_closed() override {
    CHECK(open_streams_ > 0, "only what was opened is closed");
    --open_streams_;
  }
  void connection_upgraded(ServerConnection&) override {
    CHECK(false, "HTTP/2 has no 101 (RFC 9113 8.6)");
  }
  void connection_closed(ServerConnection&) override {
    CHECK(open_streams_ == 0, "streams are closed before their connection");
    is_closed_ = true;
    loop_.stop();
  }

  bool is_closed() const { return is_closed_; }
  const std::vector<std::unique_ptr<Seen>>& seen() const { return seen_; }

 private:
  EventLoop& loop_;
  std::vector<std::unique_ptr<Seen>> seen_;  // handlers point into them
  int open_streams_ = 0;
  bool is_closed_ = false;
};

// Serves `wire`, of which `ahead` bytes were read while the protocol was told apart.
std::unique_ptr<Recorder> serve(EventLoop& loop, std::string_view wire, std::size_t ahead) {
  std::array<int, 2> ends{};
  CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0,
        "a pair of sockets can be made");
  const pixell::UniqueFd peer(ends[0]);
  CHECK(pixell::write_all(peer.get(), wire.substr(ahead)).has_value(), "the socket takes all");
  ::shutdown(peer.get(), SHUT_WR);

  auto recorder = std::make_unique<Recorder>(loop);
  std::unique_ptr<ServerConnection> connection =
      make_http2_connection({.loop = loop,
                             .service = *recorder,
                             .owner = *recorder,
                             .options = {},
                             .peer = {.address = "unix", .listener = "fuzz"},
                             .log = pixell::Log(2, pixell::LogLevel::Error)},
                            pixell::net::Socket(pixell::UniqueFd(ends[1])));
  connection->start(std::string(wire.substr(0, ahead)));
  while (!recorder->is_closed()) loop.run();
  connection.reset();
  loop.stop();  // one more turn, for what is deleted at its end
  loop.run();
  return recorder;
}

void compare(const Recorder& whole, const Recorder& cut) {
  // What breaks the protocol may be noticed before or after an answer closed its stream, so one
  // connection may live on where the other ends; up to there both saw the same.
  const std::size_t both = std::min(whole.seen().size(), cut.seen().size());
  for (std::size_t i = 0; i < both; ++i) {
    const Seen& one = *whole.seen()[i];
    const Seen& other = *cut.seen()[i];
    CHECK(one.head == other.head, "requests do not depend on the cut");
    if (one.has_ended && other.has_ended) CHECK(one.body == other.body, "nor do their bodies");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::unique_ptr<EventLoop> loop = std::move(EventLoop::create().value());
  if (size < 2 || size > kMaxInput) return 0;
  const std::string wire =
      std::string(kH2Preface).append(pixell::fuzz::text_of(data + 2, size - 2));
  const std::size_t ahead = (data[0] * 256u + data[1]) % wire.size();
  const auto whole = serve(*loop, wire, 0);
  const auto cut = serve(*loop, wire, ahead);
  for (const auto& recorder : {&whole, &cut})
    for (const auto& seen : (*recorder)->seen())
      CHECK(seen->has_ended || seen->has_aborted, "nobody is left waiting");
  compare(*whole, *cut);
  return 0;
}
