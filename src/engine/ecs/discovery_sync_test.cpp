#include "engine/ecs/discovery_sync.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/tags.hpp"
#include "engine/ecs/testing/fake_aws.hpp"
#include "engine/ecs/testing/good_settings.hpp"
#include "engine/ecs/testing/memory_journal.hpp"

namespace pixell::engine::ecs {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct EcsDiscoverySync : testing::Test {
  FakeAws cloud;
  aws::Services services{
      cloud.world.outside(),
      {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_REGION", "us-east-2"}}};
  MemoryJournal journal;
  Settings settings = *read_settings(good_environment());
  Names names{"0123456789abcdef", {}};

  EcsDiscoverySync() {
    settings.discovery = "agents";
    cloud.answer("ListNamespaces", {{"Namespaces", {{{"Id", "ns-1"}, {"Name", "agents"}}}}});
    cloud.answer("ListTagsForResource",
                 {{"Tags", other_tags({{kInstallationTag, names.installation()},
                                       {kAppTag, "python-executor"}})}});
  }

  Result<DiscoveryChange> mirror() {
    return DiscoverySync(services, journal, settings, names).mirror({.spec = good_spec()});
  }

  void has_service(const char* space = "ns-1") {
    cloud.answer("ListServices",
                 {{"Services", {{{"Id", "srv-1"}, {"Name", "agent-python-executor"}}}}});
    cloud.answer("GetService",
                 {{"Service", {{"Id", "srv-1"}, {"Arn", "arn:s"}, {"NamespaceId", space}}}});
  }
  void has_instances(const json& list = json::array()) {
    cloud.answer("ListInstances", {{"Instances", list}});
  }

  static json health(const char* status) {
    return json::array({{{"name", "agent-runtime"}, {"healthStatus", status}}});
  }
  static json network(const char* address) {
    const json detail = {{"name", "privateIPv4Address"}, {"value", address}};
    return json::array({{{"details", json::array({detail})}}});
  }
  static json task(const std::string& id, const json& changes = json::object()) {
    json made = {{"taskArn", "arn:aws:ecs:us-east-2:1:task/c/" + id},
                 {"lastStatus", "RUNNING"},
                 {"group", "service:agent-python-executor"},
                 {"containers", health("HEALTHY")},
                 {"attachments", network("10.0.0.7")},
                 {"tags", ecs_tags({{kRevisionTag, "7"}})}};
    made.update(changes);
    return made;
  }
  /// Tasks of the first slot; the second has no service.
  void has_tasks(const json& tasks) {
    json arns = json::array();
    for (const json& each : tasks) arns.push_back(each.at("taskArn"));
    cloud.answer("ListTasks", {{"taskArns", arns}});
    cloud.refuse("ListTasks", "ServiceNotFoundException");
    cloud.answer("DescribeTasks", {{"tasks", tasks}});
  }
};

TEST_F(EcsDiscoverySync, OnlyTasksThatServeAreTold) {
  has_service();
  has_instances();
  cloud.answer("RegisterInstance", {{"OperationId", "1"}});
  has_tasks(json::array({task("good"), task("booting", {{"containers", health("UNKNOWN")}}),
                         task("ending", {{"lastStatus", "DEACTIVATING"}}),
                         task("other", {{"group", "service:other"}}),
                         task("unplaced", {{"attachments", json::array()}})}));

  const auto change = mirror();

  ASSERT_TRUE(change) << change.error().message;
  EXPECT_EQ(change->registered, 1);
  ASSERT_EQ(cloud.asked("RegisterInstance").size(), 1U);
  EXPECT_EQ(cloud.asked("RegisterInstance")[0]["InstanceId"], "good");
}

TEST_F(EcsDiscoverySync, AnAddressThatChangedIsToldAgainWithAnotherToken) {
  has_service();
  has_instances();
  has_instances(json::array({{{"Id", "a"}, {"Attributes", {{"AWS_INSTANCE_IPV4", "10.0.0.9"}}}}}));
  cloud.answer("RegisterInstance", {{"OperationId", "1"}});
  has_tasks(json::array({task("a")}));
  ASSERT_TRUE(mirror());
  cloud.forget("ListTasks");
  cloud.forget("DescribeTasks");
  has_tasks(json::array({task("a", {{"attachments", network("10.0.0.8")}})}));

  const auto change = mirror();

  ASSERT_TRUE(change) << change.error().message;
  EXPECT_EQ(change->registered, 1);
  EXPECT_EQ(change->deregistered, 0);
  const auto asked = cloud.asked("RegisterInstance");
  EXPECT_EQ(asked[1]["Attributes"]["AWS_INSTANCE_IPV4"], "10.0.0.8");
  EXPECT_NE(asked[0]["CreatorRequestId"], asked[1]["CreatorRequestId"]);
}

TEST_F(EcsDiscoverySync, ManyTasksAreDescribedInBatches) {
  has_service();
  has_instances();
  json arns = json::array();
  for (std::size_t i = 0; i < kMaxDescribedTasks * 2 + 1; ++i) arns.push_back(std::to_string(i));
  cloud.answer("ListTasks", {{"taskArns", arns}});
  cloud.refuse("ListTasks", "ServiceNotFoundException");
  cloud.answer("DescribeTasks", {{"tasks", json::array()}});

  ASSERT_TRUE(mirror());

  const auto asked = cloud.asked("DescribeTasks");
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_EQ(asked[0]["tasks"].size(), kMaxDescribedTasks);
  EXPECT_EQ(asked[2]["tasks"], json::array({"200"}));
}

TEST_F(EcsDiscoverySync, AServiceOfAnotherNamespaceIsNotThisOne) {
  has_service("ns-2");
  has_instances();
  has_tasks(json::array());
  cloud.answer("CreateService", {{"Service", {{"Id", "srv-2"}}}});

  const auto change = mirror();

  ASSERT_TRUE(change) << change.error().message;
  EXPECT_EQ(change->service, "srv-2");
  EXPECT_EQ(cloud.asked("CreateService")[0]["NamespaceId"], "ns-1");
  EXPECT_EQ(cloud.asked("CreateService")[0]["Type"], "HTTP");
}

TEST_F(EcsDiscoverySync, AServiceMadeMeanwhileIsAdopted) {
  cloud.answer("ListServices", {{"Services", json::array()}});
  has_service();
  has_instances();
  has_tasks(json::array());
  cloud.refuse("CreateService", "ServiceAlreadyExists");

  const auto change = mirror();

  ASSERT_TRUE(change) << change.error().message;
  EXPECT_EQ(change->service, "srv-1");
}

TEST_F(EcsDiscoverySync, AChangeThatIsUnderWayIsWaitedFor) {
  has_service();
  has_instances();
  has_tasks(json::array({task("a")}));
  cloud.refuse("RegisterInstance", "DuplicateRequest");

  const auto refused = mirror();

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().retry, Retry::Later);
}

TEST_F(EcsDiscoverySync, WithoutANamespaceNothingIsAsked) {
  settings.discovery.clear();
  const auto refused = mirror();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("PAC_ECS_NAMESPACE is not set"));
  EXPECT_TRUE(cloud.world.asked.empty());
}

}  // namespace
}  // namespace pixell::engine::ecs
