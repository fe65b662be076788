#pragma once

#include <memory>

#include "net/event_loop.hpp"
#include "net/stream.hpp"
#include "par/surface/ui_files.hpp"

namespace pixell::par {

/// Answers GET or HEAD with the file in the coding that the client likes best: 200, 206 for a range
/// of it, 304, 412 or 416 (decide_file_answer() in file_request.hpp). Large files go out as the
/// client reads. Returns the handler of the request's body.
std::unique_ptr<net::StreamHandler> serve_ui_file(net::EventLoop& loop, net::ServerStream& stream,
                                                  std::shared_ptr<const UiFile> file);

}  // namespace pixell::par
