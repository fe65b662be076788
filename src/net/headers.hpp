#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/piece_pool.hpp"

namespace pixell::net {

/// A set of field names in one word, which tells at once that a name is not in it: a name's bit
/// comes from its length and its first letter, whatever their case. May take another name for its
/// own.
class NameFilter {
 public:
  constexpr NameFilter() = default;
  constexpr NameFilter(std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) add(place_of(name));
  }
  /// Where a name has its bit.
  static constexpr std::uint8_t place_of(std::string_view name) {
    const std::size_t letter = name.empty() ? 0 : static_cast<std::size_t>(name.front()) & 0x1f;
    return static_cast<std::uint8_t>((name.size() + 5 * letter) & 63);
  }
  constexpr void add(std::uint8_t place) { bits_ |= std::uint64_t{1} << place; }
  constexpr void add(const NameFilter& others) { bits_ |= others.bits_; }
  constexpr bool may_have(std::uint8_t place) const { return (bits_ >> place & 1) != 0; }

 private:
  std::uint64_t bits_ = 0;
};

/// Header or trailer fields in wire order. All text sits in one buffer, each field as the line
/// "Name: value\r\n" of HTTP/1, so that fields which are passed on are copied as they stand. Views
/// stay valid until the next change. Names compare without case (RFC 9110 5.1).
class Headers {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
  };

  void add(std::string_view name, std::string_view value);
  /// Adds a field whose name is known to be a token and whose value holds no control byte but HTAB.
  void add_checked(std::string_view name, std::string_view value);
  /// Removes every field of that name, then adds one.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  /// Removes the fields for which `is_doomed(Field)` is true.
  template <class IsDoomed>
  void remove_if(IsDoomed is_doomed) {
    std::erase_if(entries_, [&](const Entry& e) { return is_doomed(field_of(e)); });
    if (entries_.empty()) clear();
  }
  /// The first value of that name.
  std::optional<std::string_view> get(std::string_view name) const {
    if (!names_.may_have(NameFilter::place_of(name))) return std::nullopt;
    return find(name);
  }
  bool has(std::string_view name) const { return get(name).has_value(); }
  /// True when a comma list under `name` holds `token` (Connection: keep-alive, Upgrade).
  bool has_token(std::string_view name, std::string_view token) const;

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  Field operator[](std::size_t i) const { return field_of(entries_[i]); }
  /// The names of these fields, and maybe of some that were removed.
  const NameFilter& names() const { return names_; }
  /// False when the name of field `i` is surely not in the set.
  bool may_be_in(const NameFilter& set, std::size_t i) const {
    return set.may_have(entries_[i].place);
  }
  /// The whole line of a field, when it may be written as it stands; empty when its parts have to
  /// be checked first. Lines that follow each other in the buffer follow each other in memory.
  std::string_view line(std::size_t i) const {
    const Entry& e = entries_[i];
    if (!e.is_line) return {};
    return {text_.data() + e.name, e.value + e.value_size + 2 - e.name};
  }
  void clear();
  /// Bytes of text that fit without another allocation.
  std::size_t text_capacity() const { return text_.capacity(); }
  /// Makes room for that many fields and bytes of text, so that adding them does not allocate.
  void reserve(std::size_t fields, std::size_t text_bytes);

  /// Starts anew with a copy of checked field lines; add_adopted() then names the fields in it.
  void adopt(std::string_view lines);
  /// Adds a field that stands in the adopted text: its parts are views into what adopt() was given,
  /// which began at `lines`. `is_line`: "Name: value\r\n" stands there exactly.
  void add_adopted(const char* lines, Field field, bool is_line) {
    const std::uint8_t place = NameFilter::place_of(field.name);
    names_.add(place);
    entries_.push_back({static_cast<std::uint32_t>(field.name.data() - lines),
                        static_cast<std::uint32_t>(field.value.data() - lines),
                        static_cast<std::uint32_t>(field.value.size()),
                        static_cast<std::uint16_t>(field.name.size()), place, is_line});
  }

 private:
  struct Entry {
    std::uint32_t name, value, value_size;
    std::uint16_t name_size;
    std::uint8_t place;  // of the name in a NameFilter
    bool is_line;
  };
  Field field_of(const Entry& e) const {
    return {{text_.data() + e.name, e.name_size}, {text_.data() + e.value, e.value_size}};
  }
  void append(std::string_view name, std::string_view value, bool is_line);
  std::optional<std::string_view> find(std::string_view name) const;

  NameFilter names_;
  PieceString text_;
  PieceVector<Entry> entries_;
};

/// Compares two names without case (ASCII).
inline bool equal_names(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    const char lower = static_cast<char>(a[i] | 0x20);
    if (lower < 'a' || lower > 'z' || lower != static_cast<char>(b[i] | 0x20)) return false;
  }
  return true;
}

/// True for an X-Request-Id that may be logged and passed on.
bool is_request_id(std::string_view text);

/// Whether the name is of those that RFC 9110 7.6.1 makes a matter of one hop: Connection,
/// Keep-Alive, Proxy-Connection, TE, Transfer-Encoding, Upgrade.
inline constexpr NameFilter kHopByHopNames = {
    "te", "upgrade", "connection", "keep-alive", "proxy-connection", "transfer-encoding"};
inline bool is_hop_by_hop(std::string_view name) {
  switch (name.size()) {
    case 2:
      return equal_names(name, "te");
    case 7:
      return equal_names(name, "upgrade");
    case 10:
      return equal_names(name, "connection") || equal_names(name, "keep-alive");
    case 16:
      return equal_names(name, "proxy-connection");
    case 17:
      return equal_names(name, "transfer-encoding");
    default:
      return false;
  }
}

/// Removes the fields that are a matter of one hop: those of is_hop_by_hop() (but `TE: trailers`)
/// and what Connection names.
void remove_hop_by_hop(Headers& headers);

}  // namespace pixell::net
