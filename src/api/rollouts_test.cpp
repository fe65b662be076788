#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/testing/api_fixture.hpp"
#include "apkg/digest.hpp"

// Deployments and rollouts: what is asked, what is refused, and what a key does once.

namespace pixell::api {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RolloutsTest : public ApiTest {
 protected:
  Reply deploy(const json& body, std::vector<std::pair<std::string, std::string>> headers = {}) {
    return send("POST", "/v1/apps/hello/deployments", body.dump(), std::move(headers));
  }
  std::vector<std::string> pointers(const json& body) {
    const Reply reply = deploy(body);
    EXPECT_EQ(reply.status, 400) << reply.body;
    const json problem = parse(reply);
    std::vector<std::string> found;
    for (const auto& error : problem["errors"]) found.push_back(error["pointer"]);
    return found;
  }
  json show(const std::string& id) { return parse(send("GET", "/v1/deployments/" + id)); }
  Reply command(const std::string& id, const std::string& what,
                std::vector<std::pair<std::string, std::string>> headers = {}) {
    return send("POST", "/v1/deployments/" + id + "/" + what, "", std::move(headers));
  }
  std::int64_t allowed_seconds(const json& deployment) {
    return (store_->deployment(deployment["id"].get<std::string>())->deadline - clock_.unix_now()) /
           1'000;
  }
};

TEST_F(RolloutsTest, DeploysAPackageByItsAddress) {
  const Reply accepted = deploy({{"package_url", package_url()},
                                 {"strategy", {{"type", "canary"}}},
                                 {"tag", "next"},
                                 {"release_notes", "new"},
                                 {"no_traffic", true}});

  ASSERT_EQ(accepted.status, 202) << accepted.body;
  const json deployment = parse(accepted)["deployment"];
  EXPECT_EQ(accepted.headers.get("location"),
            "/v1/deployments/" + deployment["id"].get<std::string>());
  EXPECT_EQ(deployment["state"], "queued");
  EXPECT_EQ(deployment["strategy"]["steps"].size(), 3u) << "the usual steps";
  EXPECT_EQ(deployment["rollout"]["stages"], 3);
  EXPECT_EQ(deployment["no_traffic"], true);
  EXPECT_EQ(allowed_seconds(deployment), 600 + 180) << "its stages come on top";
  EXPECT_EQ(parse(send("GET", "/v1/apps/hello"))["rollout"]["id"], deployment["id"]);
}

TEST_F(RolloutsTest, TakesADeadlineOfItsOwn) {
  const json deployment =
      parse(deploy({{"package_url", package_url()}, {"deadline_seconds", 30}}))["deployment"];

  EXPECT_EQ(allowed_seconds(deployment), 30);
  EXPECT_THAT(pointers({{"package_url", package_url()},
                        {"deadline_seconds", 100},
                        {"strategy", {{"type", "canary"}}}}),
              ElementsAre("/deadline_seconds"));
}

TEST_F(RolloutsTest, TellsThePlaceOfEveryMistake) {
  EXPECT_THAT(pointers(json::object()), ElementsAre(""));
  EXPECT_THAT(pointers({{"package_url", package_url()}, {"revision", 1}}), ElementsAre(""));
  EXPECT_THAT(
      pointers({{"package_url", package_url()},
                {"strategy",
                 {{"type", "canary"},
                  {"steps", {{{"weight_permille", 1000}, {"seconds", 1}}, {{"seconds", -1}}}},
                  {"min_requests", 0}}},
                {"limits", {{"memory_mb", 1}}},
                {"environment", {{"A/B", "x"}}},
                {"tag", "Bad"},
                {"extra", 1}}),
      ElementsAre("/environment/A~1B", "/limits/memory_mb", "/strategy/steps/0/weight_permille",
                  "/strategy/steps/1/weight_permille", "/strategy/steps/1/seconds",
                  "/strategy/min_requests", "/tag", "/extra"));
  EXPECT_THAT(pointers({{"package_url", package_url()},
                        {"strategy", {{"type", "rolling"}, {"bake_seconds", 5}}}}),
              ElementsAre("/strategy/bake_seconds"));
  EXPECT_THAT(pointers({{"package_url", package_url()}, {"strategy", {{"type", "fast"}}}}),
              ElementsAre("/strategy/type"));
}

TEST_F(RolloutsTest, SaysWhereJsonBreaksOff) {
  const json problem = parse(send("POST", "/v1/apps/hello/deployments", "{\n \"a\": ,}"));

  EXPECT_EQ(problem["status"], 400);
  EXPECT_THAT(problem["details"][0].get<std::string>(), HasSubstr("line 2, column 7"));
  const std::string deep(100'000, '[');
  EXPECT_EQ(send("POST", "/deployments", R"({"limits":)" + deep).status, 400);
  EXPECT_EQ(send("POST", "/deployments", std::string(2'000'000, ' ')).status, 413);
}

TEST_F(RolloutsTest, DeploysARevisionThatIsThere) {
  serve_revision("hello");

  const Reply accepted = deploy({{"revision", 1}});

  ASSERT_EQ(accepted.status, 202) << accepted.body;
  EXPECT_EQ(parse(accepted)["deployment"]["revision"], 1);
  EXPECT_EQ(deploy({{"revision", 7}}).status, 404);
  EXPECT_THAT(pointers({{"revision", 1}, {"version", "2"}}), ElementsAre("/version"));
}

TEST_F(RolloutsTest, ListsDeploymentsByStateInPages) {
  const auto done = serve_revision("hello");
  serve_revision("other");
  const std::string queued = parse(deploy({{"revision", 1}}))["deployment"]["id"];

  const json page = parse(send("GET", "/v1/apps/hello/deployments?limit=1"));
  const json rest = parse(
      send("GET", "/v1/apps/hello/deployments?cursor=" + page["next_cursor"].get<std::string>()));
  const json completed = parse(send("GET", "/v1/deployments?state=completed&app=hello"));

  EXPECT_EQ(page["deployments"][0]["id"], queued);
  EXPECT_EQ(rest["deployments"][0]["id"], done.id);
  ASSERT_EQ(completed["deployments"].size(), 1u);
  EXPECT_EQ(completed["deployments"][0]["id"], done.id);
  EXPECT_EQ(parse(send("GET", "/v1/deployments"))["deployments"].size(), 3u);
}

TEST_F(RolloutsTest, CommandsAnOpenRolloutAsItWasSeen) {
  serve_revision("hello");
  const json deployment = parse(deploy({{"revision", 1}}))["deployment"];
  const std::string id = deployment["id"];
  const std::string tag(*send("GET", "/v1/deployments/" + id).headers.get("etag"));

  const Reply paused = command(id, "pause", {{"if-match", tag}});

  ASSERT_EQ(paused.status, 200) << paused.body;
  EXPECT_EQ(parse(paused)["deployment"]["rollout"]["paused"], true);
  EXPECT_EQ(command(id, "resume", {{"if-match", tag}}).status, 412);
  EXPECT_EQ(command(id, "resume", {{"if-match", "*"}}).status, 200);
  EXPECT_EQ(command(id, "halt").status, 404);
  EXPECT_EQ(command("none", "abort").status, 404);
  complete(*store_->deployment(id), store_->app("hello")->traffic);
  EXPECT_EQ(command(id, "abort").status, 409);
}

TEST_F(RolloutsTest, RollsBackToTheRevisionThatServedBefore) {
  serve_revision("hello", 'a');
  serve_revision("hello", 'b');

  const Reply back = send("POST", "/v1/apps/hello/rollback");

  ASSERT_EQ(back.status, 202) << back.body;
  EXPECT_EQ(parse(back)["deployment"]["kind"], "rollback");
  EXPECT_EQ(parse(back)["deployment"]["revision"], 1);
}

TEST_F(RolloutsTest, DoesNotRollBackToWhatNeverTookOver) {
  serve_revision("hello", 'a');
  serve_revision("hello", 'b');
  auto accepted = store_->accept_deployment({.app_id = "hello", .package_url = "https://h/x"});
  auto third = store_->record_revision(
      accepted->deployment,
      {.sha256 = std::string(64, 'c'), .app_id = "hello", .version = "3", .manifest_json = "{}"},
      1);
  complete(third->deployment, store_->app("hello")->traffic);

  EXPECT_EQ(parse(send("POST", "/v1/apps/hello/rollback", "{}"))["deployment"]["revision"], 1);
}

TEST_F(RolloutsTest, SaysWhenThereIsNothingToGoBackTo) {
  serve_revision("hello");

  const Reply refused = send("POST", "/v1/apps/hello/rollback");

  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("revision"));
  EXPECT_EQ(send("POST", "/v1/apps/hello/rollback", R"({"revision":1})").status, 202);
  EXPECT_EQ(send("POST", "/v1/apps/hello/rollback", R"({"revision":9})").status, 404);
  EXPECT_EQ(send("POST", "/v1/apps/hello/rollback", R"({"to":9})").status, 400);
  EXPECT_EQ(send("POST", "/v1/apps/none/rollback").status, 404);
}

TEST_F(RolloutsTest, RollbackStopsTheOpenRollout) {
  serve_revision("hello");
  const std::string id = parse(deploy({{"revision", 1}}))["deployment"]["id"];

  const Reply stopped = send("POST", "/v1/apps/hello/rollback");

  ASSERT_EQ(stopped.status, 202);
  EXPECT_EQ(parse(stopped)["deployment"]["id"], id);
  EXPECT_EQ(parse(stopped)["deployment"]["rollout"]["aborted"], true);
}

TEST_F(RolloutsTest, AKeyIsGoodForOneRequestOfOneRoute) {
  const json body = {{"package_url", package_url()}};
  const Reply first = deploy(body, {{"idempotency-key", "k"}});
  auto started = *store_->deployment(parse(first)["deployment"]["id"].get<std::string>());
  started.state = model::DeploymentState::Processing;
  ASSERT_TRUE(store_->update_deployment(started, 1));

  const Reply again = deploy(body, {{"idempotency-key", "k"}});
  const Reply other = deploy({{"revision", 1}}, {{"idempotency-key", "k"}});
  const Reply elsewhere =
      send("POST", "/deployments", deploy_body("hello"), {{"idempotency-key", "k"}});

  EXPECT_EQ(again.status, 202);
  EXPECT_EQ(again.body, first.body) << "as it was answered, whatever has happened since";
  EXPECT_EQ(again.headers.get("location"), first.headers.get("location"));
  EXPECT_EQ(other.status, 409);
  EXPECT_EQ(elsewhere.status, 202) << "a key is scoped by its route";
  EXPECT_EQ(deploy(body, {{"idempotency-key", ""}}).status, 400);
  EXPECT_EQ(deploy(body, {{"idempotency-key", std::string(256, 'k')}}).status, 400);
}

TEST_F(RolloutsTest, ARefusalIsRepeatedToo) {
  serve_revision("hello");
  const Reply first = deploy({{"revision", 7}}, {{"idempotency-key", "k"}});

  EXPECT_EQ(first.status, 404);
  EXPECT_EQ(deploy({{"revision", 7}}, {{"idempotency-key", "k"}}).body, first.body);
}

TEST_F(RolloutsTest, ARequestThatIsBeingAnsweredIsNotDoneTwice) {
  serve_revision("hello");
  const json body = {{"revision", 1}};
  const std::string scope = "POST /v1/apps/hello/deployments\n";
  const std::string key = apkg::sha256_of(scope + "k");
  const std::string digest = apkg::sha256_of(scope + apkg::sha256_of(body.dump()));
  ASSERT_TRUE(store_->reserve_reply(key, digest));

  const Reply meanwhile = deploy(body, {{"idempotency-key", "k"}});
  ASSERT_TRUE(store_->keep_reply(key, {.status = 0}));
  const Reply afterwards = deploy(body, {{"idempotency-key", "k"}});

  EXPECT_EQ(meanwhile.status, 409);
  EXPECT_EQ(meanwhile.headers.get("retry-after"), "1");
  EXPECT_EQ(afterwards.status, 202) << afterwards.body;
}

TEST_F(RolloutsTest, ACrashBeforeTheAnswerWasKeptDoesNotDeployTwice) {
  const json body = {{"package_url", package_url()}};
  const std::string scope = "POST /v1/apps/hello/deployments\n";
  // What the first try recorded before it died.
  const auto first = store_->accept_deployment(
      {.app_id = "hello",
       .package_url = package_url(),
       .idempotency_key = apkg::sha256_of(scope + "k"),
       .request_digest = apkg::sha256_of(scope + apkg::sha256_of(body.dump()))});
  auto started = first->deployment;
  started.state = model::DeploymentState::Processing;
  ASSERT_TRUE(store_->update_deployment(started, 1));

  const Reply again = deploy(body, {{"idempotency-key", "k"}});

  EXPECT_EQ(again.status, 202);
  EXPECT_EQ(parse(again)["deployment"]["id"], first->deployment.id);
  EXPECT_EQ(parse(again)["deployment"]["state"], "queued") << "as it was accepted";
  EXPECT_EQ(store_->deployments({})->size(), 1u);
}

TEST_F(RolloutsTest, ThePublishedToolsSeeARolledBackDeploymentAsFailed) {
  auto deployment = *store_->deployment(
      parse(deploy({{"package_url", package_url()}}))["deployment"]["id"].get<std::string>());
  deployment.state = model::DeploymentState::RolledBack;
  deployment.started_at = deployment.completed_at = clock_.unix_now();
  ASSERT_TRUE(store_->update_deployment(deployment, 1));

  const json cli = parse(send("GET", "/api/deployments/" + deployment.id))["deployment"];

  EXPECT_EQ(cli["status"], "failed");
  EXPECT_TRUE(cli["error"].is_string());
  EXPECT_EQ(show(deployment.id)["deployment"]["state"], "rolled_back");
  EXPECT_EQ(parse(send("GET", "/api/deployments/queue/stats"))["stats"]["failed"], 1);
}

}  // namespace
}  // namespace pixell::api
