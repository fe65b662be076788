// Load for HTTP/1.1 on 127.0.0.1 where wrk does not do: an exact number of requests, arrivals that
// do not wait for answers, connections that only stay open. What is sent is the file REQUEST as it
// is.
//
//   http_load PORT REQUEST closed REQUESTS CONNECTIONS   each connection asks again when answered
//   http_load PORT REQUEST open RATE SECONDS CONNECTIONS Poisson arrivals, latency from when due
//   http_load PORT REQUEST hold CONNECTIONS              one request each, then stays until stdin
//   ends
//
// Prints one line of JSON. Anything but a 200 with a Content-Length ends it (hold: but a 200).

#include <sys/epoll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <deque>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "sockets.hpp"

namespace {

using Clock = std::chrono::steady_clock;
constexpr Clock::duration kAnswerDeadline = std::chrono::seconds(30);
constexpr int kHoldDeadlineMs = 30'000;
constexpr std::size_t kHoldBatch = 64;

/// A connection with at most one request under way.
struct Connection {
  int fd = -1;
  std::string head{};         ///< of the reply, until it is complete
  std::size_t body_left = 0;  ///< of the reply
  bool is_asking = false;     ///< a request is under way
  Clock::time_point due{};    ///< when that request should have been sent
};

std::size_t content_length(std::string_view head) {
  std::string lower(head);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::size_t at = lower.find("\r\ncontent-length:");
  if (at == std::string::npos) fail("a reply without Content-Length:\n" + std::string(head));
  return std::strtoul(lower.c_str() + at + 17, nullptr, 10);
}

class Load {
 public:
  Load(int port, std::string request, std::size_t connections)
      : port_(port), request_(std::move(request)), epoll_(::epoll_create1(0)) {
    while (connections_.size() < connections) connect();
  }

  void closed(long requests) {
    const auto start = Clock::now();
    long sent = 0, answered = 0;
    for (Connection& connection : connections_)
      if (sent < requests) {
        ask(connection);
        ++sent;
      }
    while (answered < requests)
      wait(kAnswerDeadline, [&](Connection& connection) {
        ++answered;
        if (sent < requests) {
          ask(connection);
          ++sent;
        }
      });
    const std::chrono::duration<double> took = Clock::now() - start;
    std::printf("{\"requests\": %ld, \"seconds\": %.6f}\n", answered, took.count());
  }

  // A request that finds no free connection waits for one; its latency counts from when it was due,
  // so that a proxy that stalls does not get a rest (no coordinated omission).
  void open(double rate, double seconds) {
    std::mt19937_64 random(20'240'607);
    std::exponential_distribution<double> gap(rate);
    const auto start = Clock::now();
    const auto end =
        start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    const auto next_gap = [&] {
      return std::chrono::duration_cast<Clock::duration>(
          std::chrono::duration<double>(gap(random)));
    };
    std::vector<double> micros;
    std::deque<Clock::time_point> waiting;
    std::vector<Connection*> idle;
    for (Connection& connection : connections_) idle.push_back(&connection);
    Clock::time_point next = start + next_gap();
    std::size_t under_way = 0;
    while (next < end || under_way > 0 || !waiting.empty()) {
      const auto now = Clock::now();
      for (; next <= now && next < end; next += next_gap()) waiting.push_back(next);
      while (!waiting.empty() && !idle.empty()) {
        idle.back()->due = waiting.front();
        ask(*idle.back());
        idle.pop_back();
        waiting.pop_front();
        ++under_way;
      }
      const auto sleep =
          next < end ? std::max(next - Clock::now(), Clock::duration::zero()) : kAnswerDeadline;
      wait(sleep, [&](Connection& connection) {
        micros.push_back(
            std::chrono::duration<double, std::micro>(Clock::now() - connection.due).count());
        idle.push_back(&connection);
        --under_way;
      });
    }
    std::sort(micros.begin(), micros.end());
    const auto at = [&](double share) {
      return micros.empty()
                 ? 0.0
                 : micros[static_cast<std::size_t>(share * static_cast<double>(micros.size() - 1))];
    };
    const std::chrono::duration<double> took = Clock::now() - start;
    std::printf(
        "{\"requests\": %zu, \"seconds\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
        "\"max_us\": %.1f}\n",
        micros.size(), took.count(), at(0.5), at(0.99), at(1.0));
  }

  // Connections are made a few at a time: one that sends nothing for long is closed by the proxy.
  void hold(std::size_t connections) {
    while (connections_.size() < connections) {
      const std::size_t first = connections_.size();
      const std::size_t last = std::min(connections, first + kHoldBatch);
      for (std::size_t i = first; i < last; ++i) ask(connect());
      for (std::size_t answered = 0; answered < last - first;) answered += heads_that_came(first);
    }
    std::printf("{\"connections\": %zu}\n", connections_.size());
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
  }

 private:
  static void check_status(std::string_view head) {
    if (head.size() < 12 || head.substr(9, 3) != "200")
      fail("not a 200:\n" + std::string(head.substr(0, 500)));
  }

  Connection& connect() {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = connections_.size()}};
    connections_.push_back({.fd = connect_tcp(port_)});
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_.back().fd, &event) != 0)
      fail_errno("epoll_ctl");
    return connections_.back();
  }

  // How many of the connections from `first` on have the head of their reply now; what comes after
  // a head is not looked at.
  std::size_t heads_that_came(std::size_t first) {
    std::array<epoll_event, kHoldBatch> events{};
    const int count = ::epoll_wait(epoll_, events.data(), events.size(), kHoldDeadlineMs);
    if (count <= 0) fail("no reply in time");
    std::size_t came = 0;
    for (int i = 0; i < count; ++i) {
      const std::size_t number = events[static_cast<std::size_t>(i)].data.u64;
      Connection& connection = connections_[number];
      const ssize_t got = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
      if (got == 0) fail("the proxy closed connection " + std::to_string(number));
      if (got < 0 || number < first || !connection.is_asking) continue;
      connection.head.append(buffer_.data(), static_cast<std::size_t>(got));
      if (connection.head.find("\r\n\r\n") == std::string::npos) continue;
      check_status(connection.head);
      connection.head = {};
      connection.is_asking = false;
      ++came;
    }
    return came;
  }

  void ask(Connection& connection) {
    const ssize_t sent = ::send(connection.fd, request_.data(), request_.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(request_.size())) fail_errno("send");
    connection.is_asking = true;
  }

  // Waits as long as that for answers; to the nanosecond, as arrivals are closer than 1 ms.
  template <typename OnAnswer>
  void wait(Clock::duration longest, const OnAnswer& on_answer) {
    using std::chrono::nanoseconds;
    const timespec timeout{.tv_sec = longest / std::chrono::seconds(1),
                           .tv_nsec = nanoseconds(longest % std::chrono::seconds(1)).count()};
    std::array<epoll_event, 256> events{};
    const int count = ::epoll_pwait2(epoll_, events.data(), events.size(), &timeout, nullptr);
    if (count < 0 && errno != EINTR) fail_errno("epoll_pwait2");
    if (count == 0 && longest == kAnswerDeadline) fail("no reply in time");
    for (int i = 0; i < count; ++i) {
      Connection& connection = connections_[events[static_cast<std::size_t>(i)].data.u64];
      if (is_answered(connection)) on_answer(connection);
    }
  }

  bool is_answered(Connection& connection) {
    const ssize_t got = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EAGAIN) return false;
    if (got <= 0) fail("the proxy closed a connection");
    std::string_view rest(buffer_.data(), static_cast<std::size_t>(got));
    if (!connection.is_asking) fail("bytes that nobody asked for:\n" + std::string(rest));
    if (connection.body_left == 0) {
      connection.head += rest;
      const std::size_t end = connection.head.find("\r\n\r\n");
      if (end == std::string::npos) return false;
      check_status(connection.head);
      const std::size_t length = content_length(std::string_view(connection.head).substr(0, end));
      const std::size_t here = connection.head.size() - end - 4;
      if (here > length) fail("a reply longer than its Content-Length");
      connection.body_left = length - here;
      connection.head.clear();
    } else {
      if (rest.size() > connection.body_left) fail("a reply longer than its Content-Length");
      connection.body_left -= rest.size();
    }
    if (connection.body_left > 0) return false;
    connection.is_asking = false;
    return true;
  }

  int port_;
  std::string request_;
  int epoll_;
  std::vector<Connection> connections_;
  std::array<char, 256 * 1024> buffer_{};
};

std::string file_content(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(std::string(path) + ": cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 3 ? argv[3] : "";
  const int numbers = argc - 4;
  const auto number = [&](int index) { return std::strtod(argv[4 + index], nullptr); };
  const auto count = [&](int index) { return static_cast<std::size_t>(number(index)); };
  const bool fits = (mode == "closed" && numbers == 2) || (mode == "open" && numbers == 3) ||
                    (mode == "hold" && numbers == 1);
  if (!fits) fail("usage: http_load PORT REQUEST closed|open|hold NUMBERS…");
  ::prctl(PR_SET_TIMERSLACK, 1);  // else sleeps end up to 50 µs late
  const std::size_t connections = mode == "hold" ? 0 : count(numbers - 1);
  Load load(std::atoi(argv[1]), file_content(argv[2]), connections);
  if (mode == "closed")
    load.closed(static_cast<long>(number(0)));
  else if (mode == "open")
    load.open(number(0), number(1));
  else
    load.hold(count(0));
}
