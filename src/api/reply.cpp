#include "api/reply.hpp"

#include <nlohmann/json.hpp>

#include "net/reply.hpp"

namespace pixell::api {

namespace {

nlohmann::json problem_body(int status, std::string_view detail) {
  return {{"type", "about:blank"},
          {"title", net::reason_phrase(status)},
          {"status", status},
          {"detail", detail},
          {"error", detail}};
}

Reply problem_reply(int status, const nlohmann::json& body) {
  Reply reply = json_reply(status, body);
  reply.content_type = "application/problem+json";
  return reply;
}

}  // namespace

Reply json_reply(int status, const nlohmann::json& body) {
  // Text from outside (logs, package names) may hold bytes that are not UTF-8.
  return {.status = status,
          .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

Reply problem(int status, std::string_view detail) {
  nlohmann::json body = problem_body(status, detail);
  if (status == 400) body["details"] = {detail};
  return problem_reply(status, body);
}

Reply problem(int status, std::string_view detail, const Findings& findings) {
  nlohmann::json body = problem_body(status, detail);
  body["details"] = nlohmann::json::array();
  body["errors"] = nlohmann::json::array();
  for (const Finding& finding : findings) {
    body["details"].push_back(finding.message);
    body["errors"].push_back({{"pointer", finding.pointer}, {"message", finding.message}});
  }
  return problem_reply(status, body);
}

Reply invalid_request(const Findings& findings, std::string_view detail) {
  return problem(400, detail.empty() ? "the request is not valid" : detail, findings);
}

}  // namespace pixell::api
