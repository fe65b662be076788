#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace pixell {

/// A value that must not reach a log, an error text or an answer. It has no way to be printed:
/// formatting, streaming and comparing it do not compile; reveal() marks each use in the code.
template <class T>
class Secret {
 public:
  Secret() = default;
  explicit Secret(T value) : value_(std::move(value)) {}
  const T& reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  T value_{};
};

/// Compares two texts in time that depends on the lengths only.
bool equal_in_constant_time(std::string_view left, std::string_view right);

}  // namespace pixell

template <class T, class Char>
struct fmt::formatter<pixell::Secret<T>, Char> {
  template <class Context>
  constexpr auto parse(Context&) {
    static_assert(sizeof(T) == 0, "a Secret cannot be formatted; call reveal() where it is used");
  }
};
