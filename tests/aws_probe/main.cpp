#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "operations.hpp"

namespace {

using nlohmann::json;

json answer(const json& asked, pixell::probe::EngineSession& session) {
  const std::string op = asked.at("op");
  if (op == "sign" || op == "presign") return pixell::probe::sign_request(asked);
  if (op == "call") return pixell::probe::call_service(asked);
  if (op == "rollout") return pixell::probe::simulate_rollout(asked);
  if (op == "rates") return pixell::probe::list_rates(asked);
  if (op == "actions") return pixell::probe::list_actions();
  if (op == "idle_looks") return pixell::probe::look_at_idle_services(asked);
  if (op.starts_with("engine.")) return session.use(asked);
  if (op.starts_with("ecs.")) return pixell::probe::use_ecs(asked);
  if (op.starts_with("s3.")) return pixell::probe::use_s3(asked);
  return {{"error", "there is no op " + op}};
}

}  // namespace

// Answers one line for each line of stdin; what it cannot read is an error in the answer.
int main() {
  std::string line;
  pixell::probe::EngineSession session;
  while (std::getline(std::cin, line)) {
    json reply;
    try {
      reply = answer(json::parse(line), session);
    } catch (const json::exception& wrong) {
      reply = {{"error", wrong.what()}};
    }
    fmt::print("{}\n", reply.dump(-1, ' ', false, json::error_handler_t::replace));
    std::fflush(stdout);
  }
  return 0;
}
