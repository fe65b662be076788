#include "engine/ecs/difference.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/ecs/limits.hpp"

namespace pixell::engine::ecs {
namespace {

using nlohmann::json;
using All = std::vector<Difference>;

TEST(EcsDifference, NumbersAreTheirTextsAndListsHaveNoOrder) {
  const json is = {{"Port", "8080"}, {"Values", {"b", "a"}}, {"More", 1}};
  const json wanted = {{"Port", 8080}, {"Values", {"a", "b"}}};
  EXPECT_EQ(differences(is, wanted), All());
}

TEST(EcsDifference, NamesTheFieldInsideObjectsAndLists) {
  const json is = {{"containers", {{{"name", "agent"}, {"image", "old"}}}}, {"count", 1}};
  const json wanted = {{"containers", {{{"name", "agent"}, {"image", "new"}}}}, {"count", 1}};
  EXPECT_EQ(differences(is, wanted),
            (All{{.field = "containers[agent].image", .is = "old", .wanted = "new"}}));
}

TEST(EcsDifference, VariablesAndTagsAreTheirValues) {
  const json is = {{"tags", {{{"key", "a"}, {"value", "1"}}, {{"key", "gone"}, {"value", "2"}}}}};
  const json wanted = {
      {"tags", {{{"key", "a"}, {"value", "3"}}, {{"key", "new"}, {"value", "4"}}}}};
  EXPECT_EQ(differences(is, wanted), (All{{.field = "tags[a]", .is = "1", .wanted = "3"},
                                          {.field = "tags[gone]", .is = "2", .wanted = ""},
                                          {.field = "tags[new]", .is = "", .wanted = "4"}}));
}

TEST(EcsDifference, WeightsOfARuleAreNamedByTheirTargetGroup) {
  const auto rule = [](const json& weight) {
    return json{{"Actions",
                 {{{"Type", "forward"},
                   {"ForwardConfig",
                    {{"TargetGroups", {{{"TargetGroupArn", "arn:1"}, {"Weight", weight}}}}}}}}}};
  };
  EXPECT_EQ(differences(rule("1"), rule(1)), All());
  EXPECT_EQ(differences(rule("5"), rule(1)),
            (All{{.field = "Actions.ForwardConfig.TargetGroups[arn:1].Weight",
                  .is = "5",
                  .wanted = "1"}}));
}

TEST(EcsDifference, NothingIsNothing) {
  EXPECT_EQ(differences({{"a", nullptr}}, {{"a", json::array()}, {"b", json::object()}}), All());
}

TEST(EcsDifference, LongValuesAreCut) {
  const auto found = differences({{"a", "x"}}, {{"a", std::string(10'000, 'y')}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_LE(found.front().wanted.size(), kShownValue + 3);
}

}  // namespace
}  // namespace pixell::engine::ecs
