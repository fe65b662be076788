#pragma once

#include <nghttp2/nghttp2.h>

// Internal to net.

namespace pixell::net {

/// Memory for sessions of nghttp2, which takes a hundred small pieces for a request: of base's
/// pool. Stays for ever.
nghttp2_mem* http2_memory();

}  // namespace pixell::net
