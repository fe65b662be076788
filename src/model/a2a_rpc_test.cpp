#include "model/a2a_rpc.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <ostream>

namespace pixell::model {
namespace {

using Json = nlohmann::ordered_json;

struct Good {
  const char* name;
  std::string body, id, skill, parameters;
  bool is_stream_method = false;
};
void PrintTo(const Good& row, std::ostream* out) { *out << row.name; }

class UnderstoodCalls : public testing::TestWithParam<Good> {};

TEST_P(UnderstoodCalls, NameSkillAndParameters) {
  const auto call = parse_rpc_call(GetParam().body);

  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->id_json, GetParam().id);
  EXPECT_EQ(call->skill, GetParam().skill);
  EXPECT_EQ(call->parameters_json, GetParam().parameters);
  EXPECT_EQ(call->is_stream_method, GetParam().is_stream_method);
}

INSTANTIATE_TEST_SUITE_P(
    Table, UnderstoodCalls,
    testing::Values(
        Good{"SkillInMetadata",
             R"({"jsonrpc":"2.0","id":"a","method":"message/send","params":{"message":{"metadata":
                {"skill":"add","params":{"z":1,"a":2}},"parts":[]}}})",
             R"("a")", "add", R"({"z":1,"a":2})"},
        Good{"TextBecomesMessage",
             R"({"jsonrpc":"2.0","id":7,"method":"tasks/send","params":{"message":{"parts":
                [{"type":"data","data":{}},{"type":"text","text":"hi"},{"type":"text","text":"no"}]}}})",
             "7", "chat", R"({"message":"hi"})"},
        Good{"TextOfOtherDialects",
             R"({"jsonrpc":"2.0","id":7,"method":"message/send","params":{"message":{"parts":
                [{"text":"bare"}]}}})",
             "7", "chat", R"({"message":"bare"})"},
        Good{"GivenMessageStays",
             R"({"jsonrpc":"2.0","id":1,"method":"message/send","params":{"message":{"metadata":
                {"params":{"message":"mine"}},"parts":[{"kind":"text","text":"hi"}]}}})",
             "1", "chat", R"({"message":"mine"})"},
        Good{"Stream", R"({"jsonrpc":"2.0","id":1,"method":"message/stream"})", "1", "chat", "{}",
             true},
        Good{"DirectMethod", R"({"jsonrpc":"2.0","id":1,"method":"health","params":{"x":1}})", "1",
             "health", R"({"x":1})"},
        Good{"LastSegment", R"({"id":1,"method":"agent/sub/plan","params":{"params":{"y":2}}})",
             "1", "plan", R"({"y":2})"},
        Good{"SkillInParams", R"({"id":1,"method":"run","params":{"skill":"s","k":1}})", "1", "s",
             R"({"skill":"s","k":1})"},
        Good{"NullsAreNothing",
             R"({"id":null,"method":"message/send","params":{"message":{"metadata":null}}})",
             "null", "chat", "{}"},
        Good{"NoIdNoParams", R"({"method":"ping"})", "null", "ping", "{}"}),
    [](const auto& row) { return std::string(row.param.name); });

struct Bad {
  const char* name;
  std::string body;
  RpcCode code;
  std::string id;
};
void PrintTo(const Bad& row, std::ostream* out) { *out << row.name; }

class RefusedCalls : public testing::TestWithParam<Bad> {};

TEST_P(RefusedCalls, HaveTheirCodeAndTheId) {
  const auto call = parse_rpc_call(GetParam().body);

  ASSERT_FALSE(call);
  EXPECT_EQ(static_cast<int>(call.error().code), static_cast<int>(GetParam().code));
  EXPECT_EQ(call.error().id_json, GetParam().id);
  const Json answer = Json::parse(rpc_error(call.error()));
  EXPECT_EQ(answer["jsonrpc"], "2.0");
  EXPECT_EQ(answer["error"]["code"], static_cast<int>(GetParam().code));
  EXPECT_EQ(answer["id"].dump(), GetParam().id);
}

std::string nested(int depth) {
  return R"({"id":1,"method":"m","params":)" + std::string(depth, '[') + std::string(depth, ']') +
         "}";
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusedCalls,
    testing::Values(
        Bad{"NotJson", "{", RpcCode::ParseError, "null"},
        Bad{"Empty", "", RpcCode::ParseError, "null"},
        Bad{"TooDeep", nested(200), RpcCode::ParseError, "null"},
        Bad{"WayTooDeep", nested(500'000), RpcCode::ParseError, "null"},
        Bad{"Batch", R"([{"id":1,"method":"m"}])", RpcCode::InvalidRequest, "null"},
        Bad{"Text", R"("m")", RpcCode::InvalidRequest, "null"},
        Bad{"OtherVersion", R"({"jsonrpc":"1.0","id":3,"method":"m"})", RpcCode::InvalidRequest,
            "3"},
        Bad{"NoMethod", R"({"jsonrpc":"2.0","id":"x"})", RpcCode::InvalidRequest, R"("x")"},
        Bad{"EmptyMethod", R"({"id":1,"method":""})", RpcCode::InvalidRequest, "1"},
        Bad{"LongMethod", R"({"id":1,"method":")" + std::string(2000, 'm') + "\"}",
            RpcCode::InvalidRequest, "1"},
        Bad{"OddId", R"({"id":{},"method":"m"})", RpcCode::InvalidRequest, "null"},
        Bad{"ParamsList", R"({"id":1,"method":"m","params":[1]})", RpcCode::InvalidParams, "1"},
        Bad{"ParamsOfParams", R"({"id":1,"method":"m","params":{"params":3}})",
            RpcCode::InvalidParams, "1"},
        Bad{"MessageIsText", R"({"id":1,"method":"message/send","params":{"message":"hi"}})",
            RpcCode::InvalidParams, "1"},
        Bad{"PartsIsObject",
            R"({"id":1,"method":"message/send","params":{"message":{"parts":{}}}})",
            RpcCode::InvalidParams, "1"},
        Bad{"SkillIsNumber",
            R"({"id":1,"method":"tasks/send","params":{"message":{"metadata":{"skill":1}}}})",
            RpcCode::InvalidParams, "1"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(RpcCall, OfBareParametersHasNoId) {
  const auto call = rpc_call_of_params(R"({"planId":"p","approved":true})", "respond");

  ASSERT_TRUE(call);
  EXPECT_EQ(call->skill, "respond");
  EXPECT_EQ(call->parameters_json, R"({"planId":"p","approved":true})");
  EXPECT_EQ(call->id_json, "null");
  EXPECT_FALSE(rpc_call_of_params("[", "respond"));
}

TEST(FindSkill, GoesFromTheNameToChatToDefault) {
  const std::vector<std::string> both = {"add", "chat", "default"};
  EXPECT_EQ(find_skill("add", false, both, {})->handler, "add");
  EXPECT_EQ(find_skill("none", false, both, {})->handler, "chat");
  EXPECT_EQ(find_skill("none", false, {"default"}, {})->handler, "default");
  EXPECT_FALSE(find_skill("none", false, {"add"}, {}));
}

TEST(FindSkill, StreamsWhereItCan) {
  const auto streaming = find_skill("add", true, {"add"}, {"add"});
  EXPECT_TRUE(streaming->is_streaming);
  EXPECT_FALSE(find_skill("add", true, {"add"}, {"chat"})->is_streaming);
  EXPECT_EQ(find_skill("none", true, {"add"}, {"chat"})->handler, "chat");
  EXPECT_FALSE(find_skill("chat", false, {}, {"chat"}));
}

TEST(RpcResult, CarriesResultAndId) {
  EXPECT_EQ(rpc_result("7", R"({"a":1})"), R"({"jsonrpc":"2.0","result":{"a":1},"id":7})");
}

TEST(ParseRpcCall, KnowsANotificationByItsVersionWithoutAnId) {
  EXPECT_TRUE(parse_rpc_call(R"({"jsonrpc":"2.0","method":"m"})")->is_notification);
  EXPECT_FALSE(parse_rpc_call(R"({"jsonrpc":"2.0","method":"m","id":null})")->is_notification);
  EXPECT_FALSE(parse_rpc_call(R"({"jsonrpc":"2.0","method":"m","id":1})")->is_notification);
  EXPECT_FALSE(parse_rpc_call(R"({"method":"m"})")->is_notification);
  EXPECT_FALSE(rpc_call_of_params("{}", "respond")->is_notification);
}

}  // namespace
}  // namespace pixell::model
