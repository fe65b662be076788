#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pixell::net {

/// The host of "host", "host:port" or "[v6]:port", without port and brackets, in lower case.
std::string host_of(std::string_view authority);

/// True for localhost, 127.x.y.z and ::1.
bool is_loopback_host(std::string_view host);

/// Every value of `name` in a query ("a=1&b=2"), percent-decoded, in order; one whose escapes are
/// malformed is empty. A name without '=' has no value.
std::vector<std::string> query_values(std::string_view query, std::string_view name);

}  // namespace pixell::net
