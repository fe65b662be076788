#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "api/reply.hpp"
#include "model/agent_app.hpp"
#include "model/rule_place.hpp"
#include "store/store.hpp"

// How /v1 shows what is in the store.

namespace pixell::api {

nlohmann::json app_body(const model::AgentApp& app);
/// With its share and tags in the app's traffic. Environment values are not shown.
nlohmann::json revision_body(const model::Revision& revision, const model::Traffic& traffic);
nlohmann::json instance_body(const model::Instance& instance);
nlohmann::json route_body(const store::StoredRoute& stored);
/// What is not known is left out.
nlohmann::json balancer_body(const model::BalancerView& view);
nlohmann::json package_body(const model::Package& package);
nlohmann::json event_body(const store::Event& event);

/// A list with one body for each row.
template <class Row, class Body, class Json = nlohmann::json>
Json list_body(const std::vector<Row>& rows, Body body) {
  Json list = Json::array();
  for (const Row& row : rows) list.push_back(body(row));
  return list;
}

}  // namespace pixell::api
