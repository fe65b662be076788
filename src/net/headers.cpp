#include "net/headers.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/check.hpp"
#include "net/limits.hpp"

namespace pixell::net {

namespace {

constexpr std::size_t kMaxNameBytes = 0xffff;

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Calls visit(token) for every element of a comma list; stops when it says true.
template <class Visit>
bool any_token(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    const std::string_view token = trim(list.substr(0, comma));
    if (!token.empty() && visit(token)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

bool is_inside(std::string_view text, std::string_view owner) {
  const std::less<const char*> before;
  return !before(text.data(), owner.data()) && before(text.data(), owner.data() + owner.size());
}

}  // namespace

void Headers::append(std::string_view name, std::string_view value, bool is_line) {
  CHECK(name.size() <= kMaxNameBytes, "a head is smaller than that");
  const std::size_t name_at = text_.size();
  const std::size_t value_at = name_at + name.size() + 2;
  const std::size_t end = value_at + value.size() + 2;
  // Grown once: four appends would look at the size four times.
  text_.resize_and_overwrite(end, [&](char* text, std::size_t) {
    std::memcpy(text + name_at, name.data(), name.size());
    std::memcpy(text + value_at - 2, ": ", 2);
    if (!value.empty()) std::memcpy(text + value_at, value.data(), value.size());
    std::memcpy(text + end - 2, "\r\n", 2);
    return end;
  });
  const std::uint8_t place = NameFilter::place_of(name);
  names_.add(place);
  entries_.push_back({static_cast<std::uint32_t>(name_at), static_cast<std::uint32_t>(value_at),
                      static_cast<std::uint32_t>(value.size()),
                      static_cast<std::uint16_t>(name.size()), place, is_line});
}

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxRequestIdBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

void Headers::add(std::string_view name, std::string_view value) {
  // A view into our own text would dangle when the text grows.
  if (is_inside(name, text_) || is_inside(value, text_)) {
    append(std::string(name), std::string(value), false);
    return;
  }
  append(name, value, false);
}

void Headers::add_checked(std::string_view name, std::string_view value) {
  append(name, value, true);
}

void Headers::set(std::string_view name, std::string_view value) {
  if (is_inside(name, text_) || is_inside(value, text_)) {
    set(std::string(name), std::string(value));
    return;
  }
  remove(name);
  add(name, value);
}

void Headers::remove(std::string_view name) {
  if (!names_.may_have(NameFilter::place_of(name))) return;
  remove_if([name](const Field& field) { return equal_names(field.name, name); });
}

void Headers::adopt(std::string_view lines) {
  entries_.clear();
  names_ = {};
  text_.assign(lines);
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.name_size != name.size()) continue;
    const Field field = field_of(entry);
    if (equal_names(field.name, name)) return field.value;
  }
  return std::nullopt;
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
  if (!names_.may_have(NameFilter::place_of(name))) return false;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Field field = (*this)[i];
    if (!equal_names(field.name, name)) continue;
    if (any_token(field.value, [&](std::string_view t) { return equal_names(t, token); })) {
      return true;
    }
  }
  return false;
}

void Headers::clear() {
  text_.clear();
  entries_.clear();
  names_ = {};
}

void Headers::reserve(std::size_t fields, std::size_t text_bytes) {
  entries_.reserve(fields);
  text_.reserve(text_bytes);
}

void remove_hop_by_hop(Headers& headers) {
  std::vector<std::string> named;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (headers[i].name.size() != 10 || !equal_names(headers[i].name, "connection")) continue;
    any_token(headers[i].value, [&](std::string_view token) {
      // Content-Length is never a matter of one hop; stripping it on request would change framing.
      if (!equal_names(token, "content-length") && !equal_names(token, "te") &&
          !is_hop_by_hop(token)) {
        named.emplace_back(token);
      }
      return false;
    });
  }
  for (const std::string& name : named) headers.remove(name);
  const bool takes_trailers = headers.has_token("te", "trailers");
  headers.remove_if([](const Headers::Field& field) { return is_hop_by_hop(field.name); });
  if (takes_trailers) headers.add("te", "trailers");
}

}  // namespace pixell::net
