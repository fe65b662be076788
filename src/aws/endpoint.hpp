#pragma once

#include <string>
#include <string_view>

#include "aws/transport.hpp"
#include "aws/uri.hpp"

namespace pixell::aws {

/// A service as endpoints know it.
struct ServiceEndpoint {
  std::string_view prefix;         ///< of the host: "api.ecr"
  std::string_view override_name;  ///< in AWS_ENDPOINT_URL_<this>
};

/// A region as AWS writes them ("us-east-2"): nothing else may become part of a host name.
bool is_region(std::string_view text);

/// $AWS_ENDPOINT_URL_<SERVICE>, $AWS_ENDPOINT_URL (unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is
/// true), or https://<prefix>.<region>.amazonaws.com. InvalidArgument for a bad override or region.
Result<Endpoint> find_endpoint(const ServiceEndpoint& service, std::string_view region,
                               const Environment& env);

/// Whether the environment names the endpoint of a service.
bool is_overridden(const ServiceEndpoint& service, const Environment& env);

}  // namespace pixell::aws
