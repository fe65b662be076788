#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pixell::apkg {

/// True for a numeric IPv4 or IPv6 address that any host on the internet may have. False for
/// private, loopback, link-local, shared, multicast, documentation and unspecified ones (also when
/// carried inside an IPv6 address) and for text that is no address.
/// Source: https://www.iana.org/assignments/iana-ipv4-special-registry/
bool is_public_address(std::string_view address);

/// True when `host` is one of `allowed`, without regard to case.
bool is_listed_host(std::string_view host, const std::vector<std::string>& allowed);

}  // namespace pixell::apkg
