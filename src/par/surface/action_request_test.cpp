#include "par/surface/action_request.hpp"

#include <gtest/gtest.h>

#include <ostream>

#include "pixell/agent.pb.h"

namespace pixell::par {
namespace {

using ::pixell::agent::ActionRequest;
using ::pixell::agent::ActionRequestV2;

constexpr UnixMillis kNow = 1'700'000'000'123;

std::string old_request(const std::string& action, const std::string& id = "r1") {
  ActionRequest request;
  request.set_action(action);
  request.set_request_id(id);
  (*request.mutable_parameters())["k"] = "v";
  return request.SerializeAsString();
}

std::string new_legacy_request(const std::string& action) {
  ActionRequestV2 request;
  request.set_action(action);
  request.set_request_id("r2");
  (*request.mutable_parameters())["k"] = "v";
  return request.SerializeAsString();
}

std::string a2a_request(const std::string& params_json, const std::string& jsonrpc = "2.0") {
  ActionRequestV2 request;
  request.mutable_a2a_message()->set_jsonrpc(jsonrpc);
  request.mutable_a2a_message()->set_id("m1");
  request.mutable_a2a_message()->set_method("message/send");
  request.mutable_a2a_message()->set_params_json(params_json);
  return request.SerializeAsString();
}

struct Row {
  const char* name;
  std::string bytes;
  const char* action;
  const char* parameters;
  const char* request_id;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class ActionRequestTable : public testing::TestWithParam<Row> {};

TEST_P(ActionRequestTable, IsUnderstood) {
  const auto call = parse_action_request(GetParam().bytes, kNow);

  ASSERT_TRUE(call.has_value()) << call.error().error;
  EXPECT_EQ(call->action, GetParam().action);
  EXPECT_EQ(call->parameters_json, GetParam().parameters);
  EXPECT_EQ(call->request_id, GetParam().request_id);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ActionRequestTable,
    testing::Values(
        Row{"OldClient", old_request("calculate"), "calculate", R"({"k":"v"})", "r1"},
        Row{"OldClientWithoutId", old_request("x", ""), "x", R"({"k":"v"})", "req_1700000000123"},
        // An action whose bytes happen to be a message: no jsonrpc 2.0, so still an action.
        Row{"ActionLikeAMessage", old_request("\n\x01x"), "\n\x01x", R"({"k":"v"})", "r1"},
        Row{"NewClientLegacyFields", new_legacy_request("calculate"), "calculate", R"({"k":"v"})",
            "r2"},
        Row{"NewClientA2a",
            a2a_request(
                R"({"message":{"metadata":{"skill":"sum","params":{"b":2,"a":[1,null]}}}})"),
            "sum", R"({"b":2,"a":[1,null]})", "m1"},
        Row{"A2aWithoutParams", a2a_request(R"({"message":{"metadata":{"skill":"sum"}}})"), "sum",
            "{}", "m1"}),
    [](const auto& row) { return row.param.name; });

struct Refused {
  const char* name;
  std::string bytes;
  const char* error;
};
void PrintTo(const Refused& row, std::ostream* out) { *out << row.name; }

class ActionRequestRefused : public testing::TestWithParam<Refused> {};

TEST_P(ActionRequestRefused, TellsWhy) {
  const auto call = parse_action_request(GetParam().bytes, kNow);

  ASSERT_FALSE(call.has_value());
  EXPECT_TRUE(call.error().error.starts_with(GetParam().error)) << call.error().error;
  EXPECT_FALSE(call.error().request_id.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, ActionRequestRefused,
    testing::Values(
        Refused{"Empty", "", "No action/skill specified in request"},
        Refused{"NoSkill", a2a_request(R"({"message":{}})"), "No action/skill specified"},
        Refused{"NotAnObject", a2a_request("[1,2]"), "No action/skill specified"},
        Refused{"BrokenJson", a2a_request("{"), "Invalid JSON in A2A params_json: "},
        Refused{"TooDeep", a2a_request(std::string(100'000, '[') + std::string(100'000, ']')),
                "Invalid JSON in A2A params_json: nested deeper"},
        Refused{"Garbage", std::string("\xff\xff\xff", 3), "Failed to parse request format: "}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace pixell::par
