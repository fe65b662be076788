#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pixell::api {

/// Decodes %XX; nullopt when a sequence is malformed or hides a NUL. '+' stays a '+'.
std::optional<std::string> percent_decode(std::string_view text);

/// The host of "host", "host:port" or "[v6]:port", without port and brackets, in lower case.
std::string host_of(std::string_view authority);

/// True for localhost, 127.x.y.z and ::1.
bool is_loopback_host(std::string_view host);

}  // namespace pixell::api
