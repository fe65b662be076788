#include "aws/endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pixell::aws {

namespace {

std::string override_of(const ServiceEndpoint& service, const Environment& env) {
  if (value_of(env, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == "true") return {};
  const std::string own = value_of(env, fmt::format("AWS_ENDPOINT_URL_{}", service.override_name));
  return own.empty() ? value_of(env, "AWS_ENDPOINT_URL") : own;
}

}  // namespace

bool is_region(std::string_view text) {
  return !text.empty() && text.size() <= 32 && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

bool is_overridden(const ServiceEndpoint& service, const Environment& env) {
  return !override_of(service, env).empty();
}

Result<Endpoint> find_endpoint(const ServiceEndpoint& service, std::string_view region,
                               const Environment& env) {
  if (const std::string given = override_of(service, env); !given.empty())
    return parse_endpoint(given);
  if (!is_region(region))
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("'{}' is no AWS region; set AWS_REGION, for example to us-east-2",
                                  region.substr(0, 40)));
  return parse_endpoint(fmt::format("https://{}.{}.amazonaws.com{}", service.prefix, region,
                                    region.starts_with("cn-") ? ".cn" : ""));
}

}  // namespace pixell::aws
