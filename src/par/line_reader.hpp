#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "net/event_loop.hpp"

namespace pixell::par {

/// Reads a child's output line by line on the loop. A line longer than the limit is passed on in
/// pieces. The callbacks must not destroy the reader (EventLoop::delete_later does).
class LineReader final : public net::FdHandler {
 public:
  /// Lines come without their newline; carriage returns before it are dropped.
  using OnLine = std::function<void(std::string_view line)>;

  LineReader(net::EventLoop& loop, UniqueFd fd, std::size_t max_line_bytes, OnLine on_line);
  ~LineReader() override;

  /// Makes the descriptor non-blocking and registers it.
  Result<void> start();

  /// Reads what the pipe still holds and passes on an unfinished last line. Called when the child
  /// has ended, so that its last words come before the news of its death.
  void read_rest();

  void on_ready(std::uint32_t events) override;

 private:
  /// Reads up to `most` bytes; true when the pipe may hold more.
  bool read_some(std::size_t most);
  void take(std::string_view bytes);
  void close();

  net::EventLoop& loop_;
  UniqueFd fd_;
  std::size_t max_line_bytes_;
  OnLine on_line_;
  std::string line_;
  net::Timer more_;  // a chatty child goes on in the next turn, after everybody else
};

}  // namespace pixell::par
