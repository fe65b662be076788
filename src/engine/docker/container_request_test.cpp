#include "engine/docker/container_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pixell::engine::docker {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

InstanceSpec spec() {
  InstanceSpec spec;
  spec.id = "01ID";
  spec.app_id = "demo";
  spec.revision = 7;
  spec.deployment_id = "d1";
  spec.package_path = "/state/packages/aa.apkg";
  spec.package_sha256 = std::string(64, 'a');
  spec.base_path = "/agents/demo";
  spec.environment = {{"API_KEY", "s3cret-value"}, {"STARTUP_TIMEOUT_SEC", "20"}};
  spec.resources = {
      .memory_mb = 256, .cpu_units = 512, .max_pids = 100, .cpu_milli = 1500, .disk_mb = 64};
  return spec;
}

ContainerSetting setting() {
  return {.installation = "mark",
          .image_id = "sha256:1234",
          .places = {.instance = "/s/i",
                     .environments = "/s/e",
                     .state = "/s/s",
                     .package = "/s/p.apkg",
                     .secrets = "/run/x"},
          .user = 10'001,
          .publish_host = {},
          .publish_ports = {}};
}

TEST(ContainerRequest, LimitsAndConfinesTheContainer) {
  const json request = container_request(spec(), setting());
  const json& host = request["HostConfig"];

  EXPECT_EQ(request["Image"], "sha256:1234");
  EXPECT_EQ(request["User"], "10001:10001");
  EXPECT_EQ(host["Memory"], 256 * 1024 * 1024);
  EXPECT_EQ(host["MemorySwap"], host["Memory"]);
  EXPECT_EQ(host["NanoCpus"], 1'500'000'000);
  EXPECT_EQ(host["CpuShares"], 512);
  EXPECT_EQ(host["PidsLimit"], 100 + 64);
  EXPECT_EQ(host["ReadonlyRootfs"], true);
  EXPECT_EQ(host["Privileged"], false);
  EXPECT_EQ(host["CapDrop"], json({"ALL"}));
  EXPECT_EQ(host["SecurityOpt"], json({"no-new-privileges:true"}));
  EXPECT_EQ(host["RestartPolicy"]["Name"], "no");
  EXPECT_EQ(host["NetworkMode"], "pixell-mark-demo");
  EXPECT_FALSE(host.contains("PortBindings"));
  EXPECT_EQ(request["Labels"][kInstallationLabel], "mark");
  EXPECT_EQ(request["Labels"][kInstanceLabel], "01ID");
}

TEST(ContainerRequest, LimitsNothingWhereTheSpecDoesNot) {
  InstanceSpec free = spec();
  free.resources = {.memory_mb = 0, .cpu_units = 0, .max_pids = 0, .cpu_milli = 0, .disk_mb = 0};

  const json host = container_request(free, setting())["HostConfig"];

  for (const char* name : {"Memory", "MemorySwap", "NanoCpus", "CpuShares", "PidsLimit"})
    EXPECT_FALSE(host.contains(name)) << name;
}

TEST(ContainerRequest, ShowsNoDeployTimeValue) {
  const json request = container_request(spec(), setting());

  EXPECT_THAT(request.dump(), Not(HasSubstr("s3cret-value")));
  const auto env = request["Env"].get<std::vector<std::string>>();
  EXPECT_THAT(env, Contains("AGENT_APP_ID=demo"));
  EXPECT_THAT(env, Contains("AGENT_PACKAGE_PATH=/var/lib/pixell/package.apkg"));
  EXPECT_THAT(env, Contains("PAR_ENVIRONMENT_FILE=/run/pixell/environment.json"));
  EXPECT_THAT(env, Contains("GRACEFUL_SHUTDOWN_TIMEOUT_SEC=30"));
}

TEST(ContainerRequest, MountsOnlyWhatIsWrittenAsWritable) {
  std::vector<std::string> writable;
  const json request = container_request(spec(), setting());

  for (const json& mount : request["HostConfig"]["Mounts"])
    if (!mount["ReadOnly"].get<bool>()) writable.push_back(mount["Target"]);

  EXPECT_THAT(writable, ::testing::ElementsAre(kInstancePlace, kEnvironmentsPlace, kStatePlace));
}

TEST(ContainerRequest, PublishesWhereItIsTold) {
  ContainerSetting published = setting();
  published.publish_host = "127.0.0.1";
  published.publish_ports = "20000-20009";

  const json request = container_request(spec(), published);

  EXPECT_EQ(request["HostConfig"]["PortBindings"]["8080/tcp"],
            json({{{"HostIp", "127.0.0.1"}, {"HostPort", "20000-20009"}}}));
}

TEST(SpecDigest, IsTheSameForEqualSpecsAndTellsNothingOfValues) {
  InstanceSpec other_value = spec();
  other_value.environment["API_KEY"] = "other";
  InstanceSpec other_name = spec();
  other_name.environment["MORE"] = "";
  InstanceSpec other_revision = spec();
  other_revision.revision = 8;

  EXPECT_EQ(spec_digest(spec()), spec_digest(spec()));
  EXPECT_EQ(spec_digest(spec()), spec_digest(other_value));
  EXPECT_NE(spec_digest(spec()), spec_digest(other_name));
  EXPECT_NE(spec_digest(spec()), spec_digest(other_revision));
}

TEST(EnvironmentDocument, HasDeployTimeValuesAndWhatHoldsInAContainerToo) {
  InstanceSpec with_refused = spec();
  with_refused.environment["LD_PRELOAD"] = "/evil.so";

  const json document = environment_document(
      with_refused, {{"PIP_INDEX_URL", "https://u:p@index"}, {"PATH", "/bin"}, {"TZ", "UTC"}});

  EXPECT_EQ(document["API_KEY"], "s3cret-value");
  EXPECT_EQ(document["PIP_INDEX_URL"], "https://u:p@index");
  EXPECT_EQ(document["TZ"], "UTC");
  EXPECT_FALSE(document.contains("PATH"));
  EXPECT_FALSE(document.contains("LD_PRELOAD"));
}

TEST(NetworkRequest, IsOneOfTheAppAlone) {
  const json request = network_request("mark", "demo");

  EXPECT_EQ(request["Name"], "pixell-mark-demo");
  EXPECT_EQ(request["Driver"], "bridge");
  EXPECT_EQ(request["Labels"][kInstallationLabel], "mark");
}

}  // namespace
}  // namespace pixell::engine::docker
