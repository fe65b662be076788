#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "edge/route_table.hpp"
#include "net/message.hpp"

// For tests of the edge: routes and requests in few words.

namespace pixell::edge::testing {

inline model::RouteLeg leg(std::int64_t revision, int weight, std::vector<std::string> addresses,
                           std::string tag = "") {
  return {.revision = revision,
          .weight_permille = weight,
          .tag = std::move(tag),
          .addresses = std::move(addresses)};
}

/// The app "hello", also known as "abcd2345".
inline model::Route hello(std::vector<model::RouteLeg> legs, model::Stickiness sticky = {}) {
  return {.app_id = "hello",
          .short_id = "abcd2345",
          .name = "hello",
          .description = "greets",
          .version = "1.2.3",
          .legs = std::move(legs),
          .sticky = std::move(sticky)};
}

inline std::shared_ptr<const RouteTable> table_with(
    std::vector<model::Route> routes, RouteTable::Origin origin = RouteTable::Origin::Control) {
  auto table = RouteTable::build({.generation = 1, .routes = std::move(routes)}, origin);
  EXPECT_TRUE(table) << table.error().message;
  return *table;
}

inline net::RequestHead get(std::string target) {
  net::RequestHead head;
  head.method = "GET";
  head.target = std::move(target);
  return head;
}

inline net::RequestHead get_with(std::string target, std::string_view name,
                                 std::string_view value) {
  net::RequestHead head = get(std::move(target));
  head.headers.add(name, value);
  return head;
}

}  // namespace pixell::edge::testing
