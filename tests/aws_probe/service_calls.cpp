#include "aws/services.hpp"
#include "base/process.hpp"
#include "operations.hpp"

namespace pixell::probe {

using nlohmann::json;

json call_service(const json& asked) {
  aws::RateLimiter limiter(system_clock(), aws::published_rate);
  aws::Services services(probe_outside(), own_environment(), &limiter);
  const auto answer =
      services.call(asked.at("service").get<std::string>(), asked.at("action").get<std::string>(),
                    asked.at("parameters"), {.lane = aws::Lane::Deploy});
  if (answer) return {{"answer", *answer}};
  const aws::AwsError& error = answer.error();
  return {{"error", aws::describe(error)},
          {"code", to_string(error.code)},
          {"name", error.name},
          {"status", error.status},
          {"request_id", error.request_id}};
}

json list_actions() {
  json all = json::array();
  for (const aws::Action& each : aws::actions()) all.push_back({each.service, each.name});
  return {{"actions", all}};
}

}  // namespace pixell::probe
