#include "edge/name_index.hpp"

#include <algorithm>
#include <bit>
#include <functional>

namespace pixell::edge {

namespace {

constexpr std::size_t kSmallest = 16;

}  // namespace

void NameIndex::grow(std::size_t entries) {
  std::vector<Entry> old(entries);
  old.swap(entries_);
  for (const Entry& entry : old)
    if (entry.route != nullptr) place_of(entry.name, entry.hash) = entry;
}

void NameIndex::reserve(std::size_t names) {
  const std::size_t wanted = std::bit_ceil(std::max(names * 2, kSmallest));
  if (wanted > entries_.size()) grow(wanted);
}

NameIndex::Entry& NameIndex::place_of(std::string_view name, std::size_t hash) {
  for (std::size_t at = hash;; ++at) {
    Entry& entry = entries_[at & (entries_.size() - 1)];
    if (entry.route == nullptr || (entry.hash == hash && entry.name == name)) return entry;
  }
}

bool NameIndex::add(std::string_view name, const AgentRoute& route) {
  reserve(size_ + 1);
  const std::size_t hash = std::hash<std::string_view>()(name);
  Entry& place = place_of(name, hash);
  if (place.route != nullptr) return false;
  place = {.name = name, .hash = hash, .route = &route};
  ++size_;
  return true;
}

const AgentRoute* NameIndex::find(std::string_view name) const {
  if (size_ == 0) return nullptr;
  const std::size_t hash = std::hash<std::string_view>()(name);
  for (std::size_t at = hash;; ++at) {
    const Entry& entry = entries_[at & (entries_.size() - 1)];
    if (entry.route == nullptr || (entry.hash == hash && entry.name == name)) return entry.route;
  }
}

}  // namespace pixell::edge
