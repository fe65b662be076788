#include "par/surface/file_request.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "par/surface/http_date.hpp"

namespace pixell::par {

namespace {

// Whether a list of entity tags names this one. A weak tag counts where no bytes are put together
// (RFC 9110 8.8.3.2).
bool names_tag(std::string_view list, std::string_view etag, bool may_be_weak) {
  if (list == "*") return true;
  for (std::size_t at = list.find(etag); at != std::string_view::npos;
       at = list.find(etag, at + 1)) {
    const bool is_weak = at >= 2 && list.substr(at - 2, 2) == "W/";
    if (may_be_weak || !is_weak) return true;
  }
  return false;
}

std::optional<std::int64_t> date_of(std::string_view text) {
  return seconds_of_http_date(std::string(text));
}

// A number of a range; one beyond 64 bits is behind the end of every file.
std::optional<std::int64_t> position_of(std::string_view digits) {
  std::int64_t number = 0;
  if (digits.empty() || !std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return read.ec == std::errc() ? number : std::numeric_limits<std::int64_t>::max();
}

// The part that a Range names (RFC 9110 14.1.2); nothing when it is not a single range of bytes.
std::optional<FileAnswer> part_of(std::string_view range, std::int64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!net::equal_names(range.substr(0, kUnit.size()), kUnit)) return std::nullopt;
  range.remove_prefix(kUnit.size());
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view from = range.substr(0, dash), to = range.substr(dash + 1);
  const auto last = position_of(to);
  constexpr FileAnswer kBehindTheEnd{.status = 416};
  if (from.empty()) {  // the last bytes
    if (!last) return std::nullopt;
    if (*last == 0) return kBehindTheEnd;
    const std::int64_t part = std::min(*last, size);
    return FileAnswer{.status = 206, .first = size - part, .size = part};
  }
  const auto first = position_of(from);
  if (!first || (!to.empty() && (!last || *last < *first))) return std::nullopt;
  if (*first >= size) return kBehindTheEnd;
  const std::int64_t end = to.empty() ? size : std::min(*last, size - 1) + 1;
  return FileAnswer{.status = 206, .first = *first, .size = end - *first};
}

// RFC 9110 13.1.5: only the very state that the client has a part of.
bool is_same_state(std::string_view condition, const FileState& file, std::int64_t now_s) {
  if (condition.ends_with('"')) return condition == file.etag;
  // Within the second of its change a file may change again (8.8.2.2).
  return file.modified_s < now_s && date_of(condition) == file.modified_s;
}

std::optional<int> failed_condition(const FileRequest& request, const FileState& file) {
  if (request.if_match) {
    if (!names_tag(*request.if_match, file.etag, false)) return 412;
  } else if (request.if_unmodified_since) {
    const auto date = date_of(*request.if_unmodified_since);
    if (date && file.modified_s > *date) return 412;
  }
  if (request.if_none_match) {
    if (names_tag(*request.if_none_match, file.etag, true)) return 304;
  } else if (request.if_modified_since && date_of(*request.if_modified_since) == file.modified_s) {
    // Only the very date (13.1.3 allows it): after a rollback the file is older than the client's.
    return 304;
  }
  return std::nullopt;
}

}  // namespace

FileRequest::FileRequest(const net::RequestHead& head) : is_head(head.method == "HEAD") {
  for (std::size_t i = 0; i < head.headers.size(); ++i) take(head.headers[i]);
  // Only GET has ranges (RFC 9110 14.2).
  if (is_head) range.reset();
  is_plain = !if_match && !if_none_match && !if_unmodified_since && !if_modified_since && !range;
}

// By size first: most fields are none of these.
void FileRequest::take(net::Headers::Field field) {
  const auto is = [&](std::string_view name) { return net::equal_names(field.name, name); };
  switch (field.name.size()) {
    case 5:
      // Two of them are no single range.
      if (is("range")) range = range ? std::string_view() : field.value;
      break;
    case 8:
      if (is("if-match"))
        add(if_match, field.value);
      else if (is("if-range"))
        if_range = field.value;
      break;
    case 13:
      if (is("if-none-match")) add(if_none_match, field.value);
      break;
    case 15:
      if (is("accept-encoding")) add(accept_encoding, field.value);
      break;
    case 17:
      if (is("if-modified-since")) if_modified_since = field.value;
      break;
    case 19:
      if (is("if-unmodified-since")) if_unmodified_since = field.value;
      break;
    default:
      break;
  }
}

void FileRequest::add(std::optional<std::string_view>& list, std::string_view value) {
  if (!list) {
    list = value;
    return;
  }
  joined.push_back(std::string(*list) + "," + std::string(value));
  list = joined.back();
}

FileAnswer decide_file_answer(const FileRequest& request, const FileState& file,
                              std::int64_t now_s) {
  const FileAnswer whole{.status = 200, .first = 0, .size = file.size};
  if (request.is_plain) return whole;
  if (const auto status = failed_condition(request, file)) return {.status = *status};
  // No part of an empty file can be told (14.4).
  if (!request.range || file.size == 0) return whole;
  if (request.if_range && !is_same_state(*request.if_range, file, now_s)) return whole;
  return part_of(*request.range, file.size).value_or(whole);
}

}  // namespace pixell::par
