#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pixell::net {

/// Header or trailer fields in wire order. All text sits in one buffer; views stay valid until the
/// next change. Names compare without case (RFC 9110 5.1).
class Headers {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
  };

  void add(std::string_view name, std::string_view value);
  /// Removes every field of that name, then adds one.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  /// The first value of that name.
  std::optional<std::string_view> get(std::string_view name) const;
  bool has(std::string_view name) const { return get(name).has_value(); }
  /// True when a comma list under `name` holds `token` (Connection: keep-alive, Upgrade).
  bool has_token(std::string_view name, std::string_view token) const;

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  Field operator[](std::size_t i) const {
    const Entry& e = entries_[i];
    return {std::string_view(text_).substr(e.name, e.name_size),
            std::string_view(text_).substr(e.value, e.value_size)};
  }
  void clear();
  /// Makes room for that many fields and bytes of text, so that adding them does not allocate.
  void reserve(std::size_t fields, std::size_t text_bytes);

 private:
  struct Entry {
    std::uint32_t name, name_size, value, value_size;
  };
  std::string text_;
  std::vector<Entry> entries_;
};

/// Compares two names without case (ASCII).
bool equal_names(std::string_view a, std::string_view b);

/// Removes what RFC 9110 7.6.1 makes a matter of one hop: Connection and what it names, Keep-Alive,
/// Proxy-Connection, TE (but `trailers`), Transfer-Encoding, Upgrade.
void remove_hop_by_hop(Headers& headers);

}  // namespace pixell::net
