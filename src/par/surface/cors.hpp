#pragma once

#include "net/message.hpp"
#include "net/stream.hpp"

namespace pixell::par {

// Every surface may be called from any web page, with credentials (contract of the first
// generation). The origin is echoed: browsers refuse "*" together with credentials.

/// True for a CORS preflight (https://fetch.spec.whatwg.org/#cors-preflight-request).
bool is_preflight(const net::RequestHead& request);

/// Answers a preflight: any method, any header, for ten minutes.
void answer_preflight(net::ServerStream& stream);

/// Adds the CORS fields to an answer; an agent that sent its own keeps them.
void add_cors(const net::RequestHead& request, net::ResponseHead& head);

}  // namespace pixell::par
