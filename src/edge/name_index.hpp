#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace pixell::edge {

struct AgentRoute;

/// Finds routes by name, in the same time whatever their number: open addressing in one array.
/// Names are views: their text outlives the index.
class NameIndex {
 public:
  /// Room for that many names without growing.
  void reserve(std::size_t names);
  /// False when the name is there already, which then stays as it is.
  bool add(std::string_view name, const AgentRoute& route);
  /// Null when unknown.
  const AgentRoute* find(std::string_view name) const;
  bool empty() const { return size_ == 0; }

 private:
  struct Entry {
    std::string_view name{};
    std::size_t hash = 0;
    const AgentRoute* route = nullptr;  // null = free
  };
  void grow(std::size_t entries);
  Entry& place_of(std::string_view name, std::size_t hash);

  std::vector<Entry> entries_;  // a power of two, at most half of them used
  std::size_t size_ = 0;
};

}  // namespace pixell::edge
