#include "aws/services.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "aws/xml.hpp"

namespace pixell::aws {

using nlohmann::json;

namespace {

std::string text_of(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  return value.dump();
}

void flatten(const Service& service, const std::string& prefix, const json& value, Fields& form) {
  if (value.is_object()) {
    for (const auto& [name, member] : value.items()) {
      std::string wire = name;
      // EC2 calls a list by one of its members: Filters are Filter.1, VpcIds are VpcId.1.
      if (service.protocol == Protocol::Ec2 && member.is_array() && wire.ends_with('s'))
        wire.pop_back();
      flatten(service, prefix.empty() ? wire : prefix + '.' + wire, member, form);
    }
  } else if (value.is_array()) {
    const char* between = service.protocol == Protocol::Ec2 ? "." : ".member.";
    for (std::size_t i = 0; i < value.size(); ++i)
      flatten(service, fmt::format("{}{}{}", prefix, between, i + 1), value[i], form);
  } else if (!value.is_null()) {
    form.emplace_back(prefix, text_of(value));
  }
}

json to_json(const XmlElement& element, std::string_view member) {
  if (element.children.empty()) return element.text.empty() ? json(nullptr) : json(element.text);
  const bool is_list = std::all_of(element.children.begin(), element.children.end(),
                                   [&](const XmlElement& each) { return each.name == member; });
  json result = is_list ? json::array() : json::object();
  for (const XmlElement& each : element.children) {
    if (is_list)
      result.push_back(to_json(each, member));
    else
      result[each.name] = to_json(each, member);
  }
  return result;
}

AwsError unusable(const Call& call, const Error& error) {
  return {.code = error.code,
          .call = call.name,
          .name = {},
          .message = error.message,
          .request_id = {}};
}

void write(Call& call, const Service& service, const Action& action, const json& parameters) {
  if (service.protocol == Protocol::Json) {
    call.headers = {{"Content-Type", "application/x-amz-json-1.1"},
                    {"X-Amz-Target", fmt::format("{}.{}", service.version, action.name)}};
    call.body = parameters.is_null() ? "{}" : parameters.dump();
    return;
  }
  call.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
  call.body = canonical_query(form_of(service, action.name, parameters));
}

Result<json> read(const Service& service, const std::string& body) {
  if (service.protocol != Protocol::Json) return json_of_xml(service, body);
  if (body.empty()) return json::object();
  json parsed = json::parse(body, nullptr, false);
  if (parsed.is_discarded()) return make_error(ErrorCode::InvalidArgument, "the answer is no JSON");
  return parsed;
}

}  // namespace

Fields form_of(const Service& service, std::string_view action, const json& parameters) {
  Fields form{{"Action", std::string(action)}, {"Version", std::string(service.version)}};
  flatten(service, "", parameters, form);
  return form;
}

Result<json> json_of_xml(const Service& service, std::string_view document) {
  TRY(const XmlElement root, parse_xml(document));
  if (service.protocol == Protocol::Ec2) return to_json(root, "item");
  for (const XmlElement& each : root.children)
    if (each.name.ends_with("Result")) {
      json result = to_json(each, "member");
      return result.is_null() ? json::object() : result;
    }
  return json::object();
}

Services::Services(Outside outside, Environment env, RateLimiter* limiter)
    : env_(std::move(env)),
      region_(find_region(env_)),
      credentials_(outside.clock, [this, outside] { return find_credentials(outside, env_); }),
      caller_(outside, credentials_, limiter) {}

Answer<json> Services::call(std::string_view service_id, std::string_view action_name,
                            const json& parameters, const Options& options) {
  Call call;
  call.name = fmt::format("{} {}", service_id, action_name);
  const Service* service = find_service(service_id);
  const Action* action = find_action(service_id, action_name);
  if (service == nullptr || action == nullptr)
    return std::unexpected(unusable(
        call, make_error(ErrorCode::Unimplemented, "there is no such action in the table")));
  call.signing_name = service->signing_name;
  call.service = service->id;
  call.action_class = action->action_class;
  call.is_repeatable = action->repeat == Repeat::Safe;
  call.lane = options.lane;
  call.stop = options.stop;
  call.region = options.region.empty() ? region_ : options.region;
  auto endpoint = find_endpoint(service->endpoint, call.region, env_);
  if (!endpoint) return std::unexpected(unusable(call, endpoint.error()));
  call.endpoint = std::move(*endpoint);
  if (!is_overridden(service->endpoint, env_))
    call.endpoint.host = std::string(action->host_prefix) + call.endpoint.host;
  write(call, *service, *action, parameters);
  const auto reply = caller_.send(call);
  if (!reply) return std::unexpected(reply.error());
  auto result = read(*service, reply->body);
  if (!result) return std::unexpected(unusable(call, result.error()));
  return std::move(*result);
}

Answer<void> Services::pages(std::string_view service, std::string_view action, json parameters,
                             const Options& options, const std::function<bool(const json&)>& each) {
  const Action* row = find_action(service, action);
  while (true) {
    const auto page = call(service, action, parameters, options);
    if (!page) return std::unexpected(page.error());
    if (!each(*page) || row->token_out.empty()) return {};
    const auto next = page->find(row->token_out);
    if (next == page->end() || !next->is_string() || next->get<std::string>().empty()) return {};
    parameters[std::string(row->token_in)] = *next;
  }
}

}  // namespace pixell::aws
