#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace pixell::api {

/// One part of a multipart/form-data body (RFC 7578).
struct PartHead {
  std::string name;
  std::string filename;  ///< empty when the part is a plain value
};

/// Told what a MultipartParser finds. An error ends the parsing and is returned by feed().
struct PartSink {
  std::function<Result<void>(const PartHead&)> on_part;
  std::function<Result<void>(std::string_view)> on_bytes;
};

/// Reads multipart/form-data piece by piece, keeping no part in memory. Errors are InvalidArgument
/// (malformed) and ResourceExhausted (kMaxParts, kMaxPartHeaderBytes).
class MultipartParser {
 public:
  MultipartParser(std::string_view boundary, PartSink sink);

  Result<void> feed(std::string_view bytes);
  /// Call at the end of the body: InvalidArgument when the closing boundary is missing.
  Result<void> finish() const;

 private:
  enum class State { Preamble, AfterBoundary, Head, Body, Done };
  Result<bool> step();
  Result<void> take_head(std::string_view text);

  PartSink sink_;
  std::string delimiter_;  // "\r\n--boundary"
  std::string buffer_;     // what is not consumed yet: at most a head, or a delimiter's length
  State state_ = State::Preamble;
  std::size_t parts_ = 0;
};

/// The boundary of a Content-Type of multipart/form-data (RFC 2046 5.1.1); InvalidArgument else.
Result<std::string> multipart_boundary(std::string_view content_type);

}  // namespace pixell::api
