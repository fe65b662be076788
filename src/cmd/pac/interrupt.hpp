#pragma once

#include <memory>
#include <stop_token>

#include "base/result.hpp"

namespace pixell::cmd {

/// Turns Ctrl-C (SIGINT) and SIGTERM into a stop request while it lives, by a thread of its own
/// that ends with it. Made while the process has one thread; the signals are as before afterwards.
class Interrupt {
 public:
  static Result<std::unique_ptr<Interrupt>> catch_signals();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const;

 private:
  Interrupt();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pixell::cmd
