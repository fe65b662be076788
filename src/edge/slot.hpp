#pragma once

#include <utility>

namespace pixell::edge {

/// One exchange under way that `Owner` counts; gives its place back with Owner::leave() when it is
/// destroyed. Empty when default-made. Must not outlive its owner.
template <class Owner>
class Slot {
 public:
  Slot() = default;
  Slot(Slot&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
  Slot& operator=(Slot&& other) noexcept {
    std::swap(owner_, other.owner_);
    return *this;
  }
  ~Slot() {
    if (owner_ != nullptr) owner_->leave();
  }

 private:
  friend Owner;
  explicit Slot(Owner* owner) : owner_(owner) {}
  Owner* owner_ = nullptr;
};

}  // namespace pixell::edge
