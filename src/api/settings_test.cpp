#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/testing/api_fixture.hpp"

// How an app is let to be scaled by its engine.

namespace pixell::api {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

TEST_F(ApiTest, LetsTheEngineScaleAnAppUntilNull) {
  serve_revision("hello");
  const auto patch = [&](const std::string& body) {
    return parse(send("PATCH", "/v1/apps/hello", body))["app"]["settings"];
  };
  const json scaling = {{"min_instances", 2}, {"max_instances", 5}, {"memory_percent", 70}};

  EXPECT_EQ(patch(json({{"scaling", scaling}}).dump())["scaling"], scaling);
  EXPECT_EQ(patch(R"({"instances":3})")["scaling"], scaling) << "what is not named stays";
  EXPECT_FALSE(patch(R"({"scaling":null})").contains("scaling"));
}

TEST_F(ApiTest, SaysWhatIsWrongWithAScaling) {
  serve_revision("hello");
  struct Row {
    const char* scaling;
    const char* pointer;
    const char* remedy;
  };
  for (const Row& row :
       {Row{R"({"min_instances":4,"max_instances":2,"cpu_percent":60})", "/scaling/min_instances",
            "scaling.min_instances 4 is more than max_instances 2: lower it"},
        Row{R"({"min_instances":1,"max_instances":2})", "/scaling", "not none"},
        Row{R"({"min_instances":1,"max_instances":2,"cpu_percent":60,"memory_percent":60})",
            "/scaling", "not both"},
        Row{R"({"min_instances":1,"max_instances":65,"cpu_percent":60})", "/scaling/max_instances",
            "65"},
        Row{R"({"min_instances":1,"max_instances":2,"cpu_percent":0})", "/scaling/cpu_percent",
            "0"},
        Row{R"({"max_instances":2,"cpu_percent":60})", "/scaling/min_instances", "missing"},
        Row{R"({"min_instances":1,"max_instances":2,"cpu_percent":60,"target":1})",
            "/scaling/target", "target"},
        Row{"3", "/scaling", "object"}}) {
    SCOPED_TRACE(row.scaling);
    const json problem =
        parse(send("PATCH", "/v1/apps/hello", fmt::format(R"({{"scaling":{}}})", row.scaling)));
    EXPECT_EQ(problem["status"], 400);
    ASSERT_EQ(problem["errors"].size(), 1u) << problem.dump(1);
    EXPECT_EQ(problem["errors"][0]["pointer"], row.pointer);
    EXPECT_THAT(problem["errors"][0]["message"].get<std::string>(), HasSubstr(row.remedy));
  }
  EXPECT_FALSE(store_->app("hello")->settings.scaling);
}

TEST_F(ApiTest, RefusesToScaleWhereTheEngineCannot) {
  serve_revision("hello");
  context_->cannot_scale = "the engine local cannot scale by itself: set instances";
  const std::string wanted =
      R"({"instances":3,"scaling":{"min_instances":1,"max_instances":2,"cpu_percent":60}})";

  const json problem = parse(send("PATCH", "/v1/apps/hello", wanted));

  EXPECT_EQ(problem["status"], 422);
  EXPECT_EQ(problem["errors"][0]["pointer"], "/scaling");
  EXPECT_EQ(problem["errors"][0]["message"], context_->cannot_scale);
  EXPECT_EQ(store_->app("hello")->settings, model::AppSettings()) << "nothing of it is kept";
  EXPECT_EQ(send("PATCH", "/v1/apps/hello", R"({"scaling":null})").status, 200);
}

}  // namespace
}  // namespace pixell::api
