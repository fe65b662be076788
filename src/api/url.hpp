#pragma once

#include <string>
#include <string_view>

namespace pixell::api {

/// The host of "host", "host:port" or "[v6]:port", without port and brackets, in lower case.
std::string host_of(std::string_view authority);

/// True for localhost, 127.x.y.z and ::1.
bool is_loopback_host(std::string_view host);

}  // namespace pixell::api
