#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/package_files.hpp"
#include "api/testing/api_fixture.hpp"
#include "apkg/testing/zip_writer.hpp"

// Apps, traffic, revisions, packages and instances: their pages, conditions and refusals.

namespace pixell::api {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(ApiTest, ListsAppsInPages) {
  for (const char* app : {"a", "b", "c"}) serve_revision(app);

  const json first = parse(send("GET", "/v1/apps?limit=2"));
  const std::string cursor = first["next_cursor"];
  const json second = parse(send("GET", "/v1/apps?limit=2&cursor=" + cursor));

  ASSERT_EQ(first["apps"].size(), 2u);
  EXPECT_EQ(first["apps"][1]["id"], "b");
  ASSERT_EQ(second["apps"].size(), 1u);
  EXPECT_EQ(second["apps"][0]["id"], "c");
  EXPECT_FALSE(second.contains("next_cursor"));
  EXPECT_EQ(parse(send("GET", "/v1/apps?org=other"))["apps"].size(), 0u);
}

TEST_F(ApiTest, NamesEveryWrongParameter) {
  const Reply reply = send("GET", "/v1/deployments?limit=0&cursor=%21&state=lost");

  EXPECT_EQ(reply.status, 400);
  const json problem = parse(reply);
  ASSERT_EQ(problem["errors"].size(), 3u) << reply.body;
  EXPECT_EQ(problem["errors"][0]["pointer"], "limit");
  EXPECT_EQ(problem["details"][0], "limit must be a whole number from 1 to 1000, not '0'");
  for (const char* limit : {"x", "", "1.5", "%zz", "1001"})
    EXPECT_EQ(send("GET", std::string("/v1/apps?limit=") + limit).status, 400) << limit;
  EXPECT_EQ(send("GET", "/v1/events?after=-1").status, 400);
  EXPECT_EQ(send("GET", "/v1/instances?phase=dead").status, 400);
  serve_revision("hello");
  EXPECT_EQ(send("GET", "/v1/apps/hello/revisions?cursor=YWJj").status, 400) << "no number";
}

TEST_F(ApiTest, ShowsAnAppByEitherIdWithWhatBelongsToIt) {
  serve_revision("hello");
  add_instance("hello", "i-1");
  const std::string short_id = store_->app("hello")->short_id;

  const json shown = parse(send("GET", "/v1/apps/" + short_id));

  EXPECT_EQ(shown["app"]["id"], "hello");
  EXPECT_EQ(shown["app"]["desired_revision"], 1);
  EXPECT_EQ(shown["app"]["state"], "active");
  EXPECT_EQ(shown["revisions"][0]["weight_permille"], 1000);
  EXPECT_EQ(shown["instances"][0]["app"], "hello");
  EXPECT_FALSE(shown.contains("rollout"));
}

TEST_F(ApiTest, TellsOnWhichLoadBalancerAnAppIsWhereItIsOnOne) {
  serve_revision("hello");
  EXPECT_FALSE(parse(send("GET", "/v1/apps/hello")).contains("balancer")) << "no such engine";
  std::optional<model::BalancerView> view;
  context_->find_balancer = [&](const std::string& app) {
    EXPECT_EQ(app, "hello");
    return Result<std::optional<model::BalancerView>>(view);
  };
  EXPECT_FALSE(parse(send("GET", "/v1/apps/hello")).contains("balancer"));

  view = model::BalancerView{.listener = "arn:l", .priorities = {7, 8}};
  EXPECT_EQ(parse(send("GET", "/v1/apps/hello"))["balancer"],
            json({{"listener", "arn:l"}, {"rule_priorities", {7, 8}}}))
      << "what is not known is left out";
  view->waits_for = "no healthy target";
  view->url = "https://a/agents/hello/";
  const json told = parse(send("GET", "/v1/apps/hello"))["balancer"];
  EXPECT_EQ(told["waits_for"], "no healthy target");
  EXPECT_EQ(told["url"], "https://a/agents/hello/");
}

TEST_F(ApiTest, ShowsNoAppWhosePlaceCannotBeRead) {
  serve_revision("hello");
  context_->find_balancer = [](const std::string&) -> Result<std::optional<model::BalancerView>> {
    return make_error(ErrorCode::Unavailable, "the store is away");
  };

  EXPECT_EQ(send("GET", "/v1/apps/hello").status, 503);
}

TEST_F(ApiTest, TellsAnUnchangedViewApartFromAChangedOne) {
  serve_revision("hello");
  const std::string tag(*send("GET", "/v1/apps/hello").headers.get("etag"));

  const Reply same = send("GET", "/v1/apps/hello", "", {{"if-none-match", tag}});
  add_instance("hello", "i-1");
  const Reply changed = send("GET", "/v1/apps/hello", "", {{"if-none-match", tag}});

  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(same.headers.get("etag"), tag);
  EXPECT_EQ(changed.status, 200) << "what runs has no generation, but it is another view";
}

TEST_F(ApiTest, ChangesAnAppOnlyWhenItIsTheOneThatWasSeen) {
  serve_revision("hello");
  const std::string tag(*send("GET", "/v1/apps/hello").headers.get("etag"));
  const auto patch = [&](const std::string& if_match) {
    return send("PATCH", "/v1/apps/hello", R"({"instances":3})", {{"if-match", if_match}});
  };

  const Reply changed = patch(tag);
  const Reply stale = patch(tag);

  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(parse(changed)["app"]["settings"]["instances"], 3);
  EXPECT_EQ(stale.status, 412);
  EXPECT_EQ(patch("*").status, 200);
  EXPECT_EQ(patch("\"1\", \"2\"").status, 412);
  const std::string now = std::to_string(store_->app("hello")->generation);
  EXPECT_EQ(patch("W/\"" + now + "\"").status, 412) << "a weak tag never matches";
  EXPECT_EQ(patch("\"" + now + "\"").status, 200);
}

TEST_F(ApiTest, RefusesSettingsItDoesNotKnow) {
  serve_revision("hello");

  const json problem =
      parse(send("PATCH", "/v1/apps/hello", R"({"instances":0,"replicas":2,"warm_seconds":"x"})"));
  const json empty = parse(send("PATCH", "/v1/apps/hello", "{}"));

  ASSERT_EQ(problem["errors"].size(), 3u) << problem.dump(1);
  EXPECT_EQ(problem["errors"][0]["pointer"], "/instances");
  EXPECT_EQ(problem["errors"][2]["pointer"], "/replicas");
  EXPECT_EQ(empty["status"], 400);
}

TEST_F(ApiTest, SplitsTraffic) {
  serve_revision("hello", 'a');
  serve_revision("hello", 'b');
  const json wanted = {{"legs",
                        {{{"revision", 1}, {"weight_permille", 100}},
                         {{"revision", 2}, {"weight_permille", 900}},
                         {{"revision", 1}, {"tag", "old"}}}},
                       {"sticky", {{"by", "cookie"}}}};

  const Reply set = send("PUT", "/v1/apps/hello/traffic", wanted.dump());
  const json shown = parse(send("GET", "/v1/apps/hello/traffic"));

  ASSERT_EQ(set.status, 200) << set.body;
  EXPECT_EQ(shown["traffic"]["legs"].size(), 3u);
  EXPECT_EQ(shown["traffic"]["sticky"]["name"], "pixell_sticky");
  EXPECT_EQ(shown["generation"], store_->app("hello")->generation);
  EXPECT_EQ(parse(send("GET", "/v1/apps/hello/revisions/1"))["revision"]["tags"],
            json::array({"old"}));
}

TEST_F(ApiTest, RefusesTrafficThatCannotBeWithEveryPlace) {
  serve_revision("hello");
  const auto pointers = [&](const char* body) {
    const json problem = parse(send("PUT", "/v1/apps/hello/traffic", body));
    EXPECT_EQ(problem["status"], 400) << body;
    std::vector<std::string> found;
    for (const auto& error : problem["errors"]) found.push_back(error["pointer"]);
    return found;
  };

  EXPECT_THAT(pointers(R"({"legs":[{"revision":1,"weight_permille":500}]})"), ElementsAre("/legs"));
  EXPECT_THAT(pointers(R"({"legs":[{"revision":9,"weight_permille":1000}]})"),
              ElementsAre("/legs/0/revision"));
  EXPECT_THAT(pointers(R"({"legs":[{"weight":1}],"pinned":1})"),
              ElementsAre("/legs/0/revision", "/legs/0/weight", "/pinned"));
  EXPECT_THAT(pointers(R"({"legs":[7]})"), ElementsAre("/legs/0"));
  EXPECT_THAT(pointers("{}"), ElementsAre("/legs"));
}

TEST_F(ApiTest, DoesNotTouchTheTrafficOfAnOpenRollout) {
  serve_revision("hello");
  ASSERT_EQ(send("POST", "/deployments", deploy_body("hello")).status, 202);

  const Reply refused =
      send("PUT", "/v1/apps/hello/traffic", R"({"legs":[{"revision":1,"weight_permille":1000}]})");

  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("abort"));
}

TEST_F(ApiTest, DeletesAnApp) {
  serve_revision("hello");

  const Reply deleted = send("DELETE", "/v1/apps/hello");

  EXPECT_EQ(deleted.status, 202);
  EXPECT_EQ(parse(deleted)["app"]["state"], "deleting");
  EXPECT_EQ(send("DELETE", "/v1/apps/hello").status, 202) << "again is success";
  EXPECT_EQ(send("POST", "/deployments", deploy_body("hello")).status, 409);
  EXPECT_EQ(send("DELETE", "/v1/apps/none").status, 404);
}

TEST_F(ApiTest, KeepsRevisionsThatServe) {
  serve_revision("hello", 'a');
  serve_revision("hello", 'b');

  EXPECT_EQ(send("DELETE", "/v1/apps/hello/revisions/2").status, 409);
  EXPECT_EQ(send("DELETE", "/v1/apps/hello/revisions/1").status, 204);
  EXPECT_EQ(send("GET", "/v1/apps/hello/revisions/1").status, 404);
  EXPECT_EQ(send("GET", "/v1/apps/hello/revisions/one").status, 400);
  EXPECT_EQ(parse(send("GET", "/v1/apps/hello/revisions"))["revisions"].size(), 1u);
}

class PackagesTest : public ApiTest {
 protected:
  static std::string package(const std::string& version) {
    apkg::testing::ZipWriter zip;
    zip.add("agent.yaml",
            "name: hello\nmetadata: {version: " + version + "}\nrest: {entry: \"m:f\"}\n");
    return zip.bytes();
  }
  Reply push(const std::string& route, const std::string& body,
             const std::string& key = std::string()) {
    std::vector<std::pair<std::string, std::string>> headers = {
        {"content-type", "multipart/form-data; boundary=b"}};
    if (!key.empty()) headers.emplace_back("idempotency-key", key);
    return send("POST", route, body, headers);
  }
};

TEST_F(PackagesTest, KeepsShowsAndForgetsAPackage) {
  const Reply pushed = push("/v1/apps/hello/packages", multipart(package("1.2.0")));
  ASSERT_EQ(pushed.status, 201) << pushed.body;
  const std::string id = parse(pushed)["package"]["id"];

  const json shown = parse(send("GET", "/v1/apps/hello/packages/" + id));
  const Reply removed = send("DELETE", "/v1/apps/hello/packages/" + id);

  EXPECT_EQ(shown["package"]["version"], "1.2.0");
  EXPECT_EQ(shown["package"]["source"], "upload");
  EXPECT_EQ(shown["manifest"]["name"], "hello");
  EXPECT_EQ(removed.status, 204);
  EXPECT_TRUE(packages_->list()->empty()) << "nobody has the file any more";
  EXPECT_EQ(send("GET", "/v1/apps/hello/packages/" + id).status, 404);
}

TEST_F(PackagesTest, KeepsTheFileThatAnotherAppHasToo) {
  ASSERT_EQ(push("/v1/apps/one/packages", multipart(package("1.0.0"))).status, 201);
  const json pushed =
      parse(push("/api/agent-apps/two/packages", multipart(package("1.0.0"))))["package"];
  EXPECT_EQ(pushed["s3_url"], "upload");

  const Reply removed =
      send("DELETE", "/api/agent-apps/two/packages/" + pushed["id"].get<std::string>());

  EXPECT_EQ(removed.status, 200) << removed.body;
  EXPECT_TRUE(parse(removed)["message"].is_string());
  EXPECT_EQ(packages_->list()->size(), 1u);
  EXPECT_EQ(parse(send("GET", "/api/agent-apps/two/packages"))["packages"].size(), 0u);
}

TEST_F(PackagesTest, LeavesAFileThatADeploymentMayBeImporting) {
  const json pushed = parse(push("/v1/apps/hello/packages", multipart(package("1.0.0"))));
  ASSERT_EQ(send("POST", "/deployments", deploy_body("other")).status, 202);

  const std::string id = pushed["package"]["id"];
  EXPECT_EQ(send("DELETE", "/v1/apps/hello/packages/" + id).status, 204);

  EXPECT_EQ(packages_->list()->size(), 1u) << "its content may be the same";
  const PackageFiles files{*store_, *packages_, waits_.package_files};
  EXPECT_EQ(*sweep_package_files(files), 1u) << "when control starts, nothing is imported";
  EXPECT_TRUE(packages_->list()->empty());
}

TEST_F(PackagesTest, KeepsNothingOfARefusedUpload) {
  ASSERT_EQ(push("/v1/apps/hello/packages", multipart(package("1.0.0"))).status, 201);
  apkg::testing::ZipWriter other;
  other.add("agent.yaml", "name: hello\nmetadata: {version: 1.0.0}\nrest: {entry: \"m:g\"}\n");

  const Reply refused = push("/v1/apps/hello/packages", multipart(other.bytes()));

  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(packages_->list()->size(), 1u);
  EXPECT_EQ(push("/v1/apps/hello/packages", multipart(package("1.0.0")), "k").status, 201);
  EXPECT_EQ(push("/v1/apps/hello/packages", multipart(other.bytes()), "k").status, 409);
  EXPECT_EQ(packages_->list()->size(), 1u) << "the one that was there stays";
}

TEST_F(PackagesTest, SweepsOnlyWhatNoAppHas) {
  ASSERT_EQ(push("/v1/apps/hello/packages", multipart(package("1.0.0"))).status, 201);
  auto leftover = packages_->begin_import();
  ASSERT_TRUE(leftover->append("of a control that died between file and row"));
  ASSERT_TRUE(leftover->commit());
  const PackageFiles files{*store_, *packages_, waits_.package_files};

  const auto swept = sweep_package_files(files);

  ASSERT_TRUE(swept) << swept.error().message;
  EXPECT_EQ(*swept, 1u);
  EXPECT_EQ(packages_->list()->size(), 1u);
}

TEST_F(PackagesTest, SweepsNothingWhileThereIsNoApp) {
  auto waiting = packages_->begin_import();
  ASSERT_TRUE(waiting->append("of a database that was put aside"));
  ASSERT_TRUE(waiting->commit());
  const PackageFiles files{*store_, *packages_, waits_.package_files};

  EXPECT_EQ(*sweep_package_files(files), 0u);
  EXPECT_EQ(packages_->list()->size(), 1u);
}

TEST_F(PackagesTest, RefusesToDeleteWhatARevisionIsMadeOf) {
  serve_revision("hello", 'a');

  const Reply refused = send("DELETE", "/v1/apps/hello/packages/" + std::string(64, 'a'));

  EXPECT_EQ(refused.status, 409);
}

TEST_F(PackagesTest, ADeploymentOfAStoredPackageNeedsNoUpload) {
  const json pushed = parse(push("/v1/apps/hello/packages", multipart(package("1.2.0"))));
  const std::string id = pushed["package"]["id"];

  const Reply accepted = send("POST", "/v1/apps/hello/deployments", json{{"package", id}}.dump());

  ASSERT_EQ(accepted.status, 202) << accepted.body;
  EXPECT_EQ(parse(accepted)["deployment"]["package_sha256"], pushed["package"]["sha256"]);
  EXPECT_EQ(send("DELETE", "/v1/apps/hello/packages/" + id).status, 409);
  EXPECT_EQ(send("POST", "/v1/apps/hello/deployments", R"({"package":"none"})").status, 404);
}

TEST_F(PackagesTest, AnUploadWithAKeyIsDoneOnce) {
  const std::string body = multipart(package("1.2.0"), field("release_notes", "first"));
  const std::string route = "/api/agent-apps/hello/packages/deploy";

  const Reply first = push(route, body, "k");
  const Reply again = push(route, body, "k");
  const Reply other = push(route, multipart(package("1.2.0"), field("release_notes", "x")), "k");

  ASSERT_EQ(first.status, 202) << first.body;
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.headers.get("location"), first.headers.get("location"));
  EXPECT_EQ(other.status, 409);
  EXPECT_EQ(store_->deployments({})->size(), 1u);
}

TEST_F(ApiTest, ListsInstancesByWhatTheyAre) {
  serve_revision("hello");
  serve_revision("other");
  add_instance("hello", "i-1");
  add_instance("hello", "i-2", model::InstancePhase::Failed);
  add_instance("other", "i-3");

  const auto ids = [&](const std::string& query) {
    const json page = parse(send("GET", "/v1/instances?" + query));
    std::vector<std::string> found;
    for (const auto& each : page["instances"]) found.push_back(each["id"]);
    return found;
  };

  EXPECT_THAT(ids("app=hello"), ElementsAre("i-1", "i-2"));
  EXPECT_THAT(ids("phase=failed"), ElementsAre("i-2"));
  EXPECT_THAT(ids("revision=1&limit=1"), ElementsAre("i-1"));
  EXPECT_EQ(send("GET", "/v1/instances?app=none").status, 404);
  EXPECT_EQ(parse(send("GET", "/v1/instances/i-3"))["instance"]["app"], "other");
  EXPECT_EQ(send("GET", "/v1/instances/none").status, 404);
}

TEST_F(ApiTest, TellsWhatAnInstanceUses) {
  const Reply reply = send("GET", "/v1/instances/i-1/usage");

  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(parse(reply),
            (json{{"usage", {{"cpu_seconds", 1.5}, {"memory_bytes", 2048}, {"threads", 3}}}}));
  EXPECT_EQ(send("GET", "/v1/instances/none/usage").status, 404);
}

TEST_F(ApiTest, CountsRolloutsInTheMetrics) {
  serve_revision("hello");
  ASSERT_EQ(send("POST", "/deployments", deploy_body("hello")).status, 202);

  const std::string metrics = send("GET", "/metrics").body;

  EXPECT_THAT(metrics, HasSubstr("pixell_open_rollouts{paused=\"false\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("pixell_deployments{state=\"rolled_back\"} 0"));
}

}  // namespace
}  // namespace pixell::api
