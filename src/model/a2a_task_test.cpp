#include "model/a2a_task.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "model/a2a_card.hpp"

namespace pixell::model {
namespace {

using Json = nlohmann::ordered_json;

Json told(const TaskStatus& status) {
  return Json::parse(status_notification("t1", status)).at("params").at("status");
}

struct Row {
  const char* name;
  std::string event, status;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Events : public testing::TestWithParam<Row> {};

TEST_P(Events, BecomeNews) {
  TaskProgress progress;
  EXPECT_EQ(told(progress.event(GetParam().event)).dump(), Json::parse(GetParam().status).dump());
}

std::string says(const std::string& text) {
  return R"({"state":"working","message":{"role":"agent","parts":[{"type":"text","text":)" + text +
         "}]}}";
}

INSTANTIATE_TEST_SUITE_P(
    Table, Events,
    testing::Values(
        Row{"Text", R"("hello")", says(R"("hello")")}, Row{"Number", "4", says(R"("4")")},
        Row{"Content", R"({"event":"content","data":{"content":"hi"}})", says(R"("hi")")},
        Row{"ContentInText", R"({"type":"CONTENT","data":"{\"content\":\"hi\"}"})",
            says(R"("hi")")},
        Row{"ContentWithoutData", R"({"content":"hi"})", says(R"("hi")")},
        Row{"ContentIsObject", R"({"type":"content","data":{"content":{"a":1}}})",
            says(R"("{\"a\":1}")")},
        Row{"Thinking", R"({"type":"thinking","data":"hm"})",
            R"({"state":"working","message":{"role":"agent","parts":[{"type":"text","text":"hm"}],
                "metadata":{"thinking":true}}})"},
        Row{"Complete", R"({"type":"complete","data":{"n":1}})",
            R"({"state":"completed","metadata":{"n":1}})"},
        Row{"Done", R"({"event":"done","data":"x"})", R"({"state":"completed"})"},
        Row{"Error", R"({"type":"error","data":{"error":"bad"}})",
            R"({"state":"failed","error":{"code":-32000,"message":"bad"}})"},
        Row{"Other", R"({"type":"tool","data":{"name":"x"}})", says(R"("{\"name\":\"x\"}")")},
        Row{"NotJson", "}{", says(R"("}{")")}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(TaskProgress, EndsCompletedOnce) {
  TaskProgress progress;
  EXPECT_EQ(told(progress.finish({})).dump(), R"({"state":"completed","final":true})");
}

TEST(TaskProgress, EndsWithTheResultOfAPlainHandler) {
  TaskProgress progress;
  const Json status = told(progress.finish("42"));
  EXPECT_EQ(status["state"], "completed");
  EXPECT_EQ(status["message"]["parts"][0]["text"], "42");
  EXPECT_EQ(status["final"], true);
}

TEST(TaskProgress, AToldErrorIsNotCompletedLater) {
  TaskProgress progress;
  progress.event(R"({"type":"error","data":"bad"})");
  const Json status = told(progress.finish({}));
  EXPECT_EQ(status["state"], "failed");
  EXPECT_EQ(status["error"]["message"], "bad");
  EXPECT_EQ(status["final"], true);
}

TEST(TaskProgress, FailureIsFinal) {
  TaskProgress progress;
  EXPECT_EQ(told(progress.fail("gone")).dump(),
            R"({"state":"failed","error":{"code":-32000,"message":"gone"},"final":true})");
}

TEST(StatusNotification, IsANotificationOfTheTask) {
  const Json json = Json::parse(status_notification("t1", {.text = "a\nb"}));
  EXPECT_EQ(json["jsonrpc"], "2.0");
  EXPECT_EQ(json["method"], "tasks/status");
  EXPECT_EQ(json["params"]["taskId"], "t1");
  EXPECT_FALSE(json.contains("id"));
}

TEST(AgentCard, ListsEverySkillOnce) {
  Manifest manifest;
  manifest.name = "adder";
  manifest.display_name = "Adder";
  manifest.version = "1.2.3";
  const Json card = Json::parse(agent_card(manifest, {"add", "chat"}, {"chat", "watch"}));

  EXPECT_EQ(card["name"], "Adder");
  EXPECT_EQ(card["description"], "Adder A2A Agent");
  EXPECT_EQ(card["version"], "1.2.3");
  EXPECT_EQ(card["capabilities"].dump(), R"({"streaming":true,"pushNotifications":false})");
  EXPECT_EQ(card["defaultInputModes"].dump(), R"(["text"])");
  ASSERT_EQ(card["skills"].size(), 3U);
  EXPECT_EQ(card["skills"][0].dump(),
            R"({"id":"add","name":"add","description":"Execute add action","inputModes":["text"],)"
            R"("outputModes":["text"]})");
  EXPECT_EQ(card["skills"][2]["id"], "watch");
}

TEST(AgentCard, SaysWhenNothingStreams) {
  const Json card = Json::parse(agent_card({}, {"add"}, {}));
  EXPECT_EQ(card["capabilities"]["streaming"], false);
}

TEST(TaskProgress, TellsJsonThatNestsTooDeepAsText) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  TaskProgress progress;
  EXPECT_EQ(progress.event(R"({"type":"complete","data":")" + deep + R"("})").metadata_json, "");
  EXPECT_EQ(progress.event(R"({"type":"other","data":")" + deep + R"("})").text, deep);
  EXPECT_EQ(progress.event(deep).text, deep);
}

}  // namespace
}  // namespace pixell::model
