#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>

#include "net/message.hpp"

namespace pixell::par {

/// What a GET or HEAD says about the form, the state and the part of a file that it wants. The
/// views lie in the request's head, or in `joined` where a list came in several lines.
struct FileRequest {
  explicit FileRequest(const net::RequestHead& head);
  FileRequest(const FileRequest&) = delete;
  FileRequest& operator=(const FileRequest&) = delete;

  bool is_head = false;
  /// No condition and no range: the file is to be sent, whatever it is like.
  bool is_plain = true;
  std::optional<std::string_view> accept_encoding{};
  std::optional<std::string_view> if_match{}, if_none_match{};
  std::optional<std::string_view> if_unmodified_since{}, if_modified_since{};
  std::optional<std::string_view> range{}, if_range{};
  std::list<std::string> joined{};

 private:
  void take(net::Headers::Field field);
  void add(std::optional<std::string_view>& list, std::string_view value);
};

/// What tells one state of a file from another.
struct FileState {
  std::string_view etag;  ///< strong, with quotes
  std::int64_t modified_s = 0;
  std::int64_t size = 0;
};

/// What a request is answered with.
struct FileAnswer {
  int status = 200;  ///< 200, 206 = a part, 304, 412, or 416 = the range is behind the end
  std::int64_t first = 0;
  std::int64_t size = 0;  ///< bytes from `first` on, for 200 and 206
};

/// Decides by the conditions, in the order of RFC 9110 13.2.2, then by the range (14.2). A range
/// that is not a single one of bytes, or has a condition that does not hold, is passed over: the
/// whole file. `now_s` is the wall clock: a date of If-Range that is not yet past may stand for two
/// states of a file. Pure.
FileAnswer decide_file_answer(const FileRequest& request, const FileState& file,
                              std::int64_t now_s);

}  // namespace pixell::par
