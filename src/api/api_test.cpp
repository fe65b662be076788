#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <latch>
#include <nlohmann/json.hpp>
#include <set>

#include "api/openapi_json.hpp"
#include "api/testing/api_fixture.hpp"
#include "apkg/testing/zip_writer.hpp"

namespace pixell::api {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

TEST_F(ApiTest, TakesTheCallersOwnNamesForADeploymentAndItsOrg) {
  const json request{{"agentAppId", "owned"},
                     {"packageUrl", package_url()},
                     {"orgId", "acme"},
                     {"deploymentId", "dep-42"}};

  EXPECT_EQ(send("POST", "/deployments", request.dump()).status, 202);

  EXPECT_EQ(send("GET", "/api/deployments/dep-42").status, 200);
  EXPECT_EQ(parse(send("GET", "/v1/apps?org=acme"))["apps"].at(0)["id"], "owned");
  EXPECT_EQ(send("POST", "/deployments", request.dump()).status, 409) << "the id is taken";
  json wrong = request;
  wrong["orgId"] = "a b";
  EXPECT_EQ(send("POST", "/deployments", wrong.dump()).status, 400);
}

TEST_F(ApiTest, AcceptsTheOperatorsRequestWhateverItsContentType) {
  const std::string body = json{{"agentAppId", "hello"}, {"packageUrl", package_url()}}.dump();

  const Reply reply =
      send("POST", "/deployments", body, {{"content-type", "application/x-www-form-urlencoded"}});

  ASSERT_EQ(reply.status, 202) << reply.body;
  const json accepted = parse(reply);
  const std::string id = accepted["deployment"]["id"];
  EXPECT_EQ(accepted["deployment"]["status"], "queued");
  EXPECT_EQ(accepted["tracking"]["status_url"], "http://127.0.0.1:4000/api/deployments/" + id);
  const json shown = parse(send("GET", "/api/deployments/" + id))["deployment"];
  EXPECT_EQ(shown["status"], "queued");
  EXPECT_EQ(shown["progress"]["steps"].size(), 5u);
  EXPECT_FALSE(shown.contains("error"));
}

TEST_F(ApiTest, TellsAllFindingsAtOnce) {
  const Reply reply = send("POST", "/deployments",
                           R"({"agentAppId":"a b","packageUrl":"s3://b/k","memoryMB":"x",)"
                           R"("environment":{"1X":"v","OK":3},"packageSha256":"zz"})");

  EXPECT_EQ(reply.status, 400);
  const json problem = parse(reply);
  EXPECT_TRUE(problem["error"].is_string());
  EXPECT_EQ(problem["details"].size(), 6u) << problem.dump(1);
}

TEST_F(ApiTest, RefusesWrongLimitsByName) {
  const Reply reply =
      send("POST", "/deployments",
           R"({"agentAppId":"a","packageUrl":"https://h.example/x","limits":{"cpus":0,"ram":1}})");

  EXPECT_EQ(reply.status, 400);
  const json problem = parse(reply);
  ASSERT_EQ(problem["details"].size(), 2u) << problem.dump(1);
  EXPECT_EQ(problem["details"][0], "limits.cpus must be a number from 0.05 to 1024, not 0");
}

TEST_F(ApiTest, AnswersMalformedJsonWith400AndDetails) {
  for (const char* body : {"", "{", "[]", "\"x\"", "{\"agentAppId\":1}"}) {
    const Reply reply = send("POST", "/deployments", body);
    EXPECT_EQ(reply.status, 400) << body;
    EXPECT_TRUE(parse(reply)["details"].is_array()) << body;
  }
}

TEST_F(ApiTest, GivesTheSameAnswerForTheSameIdempotencyKey) {
  const std::string body = json{{"agentAppId", "hello"}, {"packageUrl", package_url()}}.dump();
  const std::string other = json{{"agentAppId", "other"}, {"packageUrl", package_url()}}.dump();

  const Reply first = send("POST", "/deployments", body, {{"idempotency-key", "k"}});
  const Reply again = send("POST", "/deployments", body, {{"idempotency-key", "k"}});

  EXPECT_EQ(parse(first)["deployment"]["id"], parse(again)["deployment"]["id"]);
  EXPECT_EQ(send("POST", "/deployments", other, {{"idempotency-key", "k"}}).status, 409);
}

TEST_F(ApiTest, TakesAnUploadAndRefusesTheSameVersionUnlessForced) {
  apkg::testing::ZipWriter zip;
  zip.add("agent.yaml", "name: hello\nmetadata: {version: 1.2.0}\nrest: {entry: \"m:f\"}\n");
  const std::string package = zip.bytes();

  const Reply first = upload(multipart(package, field("environment", R"({"KEY":"v"})")));

  ASSERT_EQ(first.status, 202) << first.body;
  EXPECT_EQ(parse(first)["package"]["version"], "1.2.0");
  EXPECT_EQ(parse(first)["package"]["size_bytes"], package.size());
  const Reply second = upload(multipart(package));
  EXPECT_EQ(second.status, 409) << second.body;
  EXPECT_TRUE(parse(second)["error"].is_string());
  EXPECT_EQ(upload(multipart(package, field("force_overwrite", "true"))).status, 202);
}

TEST_F(ApiTest, RefusesAnUploadThatCannotRunAndKeepsNothingOfIt) {
  const Reply not_zip = upload(multipart("this is no zip"));

  EXPECT_EQ(not_zip.status, 400);
  EXPECT_NE(parse(not_zip)["details"][0].get<std::string>().find("not_a_zip"), std::string::npos);
  apkg::testing::ZipWriter zip;
  zip.add("other.txt", "x");
  const Reply no_manifest = upload(multipart(zip.bytes()));
  EXPECT_NE(parse(no_manifest)["details"][0].get<std::string>().find("manifest_missing"),
            std::string::npos);
  EXPECT_TRUE(packages_->list()->empty());
  EXPECT_EQ(upload("--b--").status, 400);
  EXPECT_EQ(upload("garbage").status, 400);
}

TEST_F(ApiTest, RefusesForeignHostsAndOrigins) {
  EXPECT_EQ(send("GET", "/v1/apps", "", {{"origin", "https://evil.example"}}).status, 403);
  EXPECT_EQ(send("GET", "/v1/apps", "", {{"origin", "null"}}).status, 403);
  EXPECT_EQ(send("GET", "/v1/apps", "", {{"origin", "http://localhost:4000"}}).status, 200);
  host_ = "rebound.example:4000";
  EXPECT_EQ(send("GET", "/v1/apps").status, 403);
}

TEST_F(ApiTest, GivesEdgesOfOtherMachinesTheirRoutesAndNothingElse) {
  host_ = "control.pixell.internal:4443";
  const auto ask = [&](std::string method, std::string target, std::string body = "") {
    const net::RequestHead head{.method = std::move(method),
                                .target = std::move(target),
                                .scheme = "https",
                                .authority = host_};
    TextBody reader(std::move(body));
    return answer_edge(*context_, head, reader);
  };

  EXPECT_EQ(ask("GET", "/internal/routes?after=3&edge=a").status, 200);
  EXPECT_EQ(acked_, 3);
  EXPECT_EQ(ask("POST", "/internal/edges/a/measurements",
                model::to_json(model::TrafficReport{.started_at = 5}).dump())
                .status,
            200);
  EXPECT_EQ(measured_by_, "a");
  EXPECT_EQ(ask("DELETE", "/internal/routes").status, 405);
  for (const RouteEntry& route : routes()) {
    if (route.pattern.starts_with("/internal/")) continue;
    EXPECT_EQ(ask(std::string(route.method), std::string(route.pattern)).status, 404)
        << route.pattern;
  }
  for (const char* path : {"/", "/internal", "/internal/", "/internal/../v1/apps", "/agents/x"})
    EXPECT_EQ(ask("GET", path).status, 404) << path;
}

TEST_F(ApiTest, Answers404And405AsProblems) {
  const Reply missing = send("GET", "/nowhere");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.content_type, "application/problem+json");
  EXPECT_EQ(send("GET", "/api/deployments/none").status, 404);
  EXPECT_EQ(send("GET", "/v1/apps/none").status, 404);
  const Reply wrong = send("DELETE", "/deployments");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.get("allow"), "POST");
}

TEST_F(ApiTest, GivesRoutesAndTakesTheEdgesWordForWhatItHas) {
  ASSERT_EQ(send("POST", "/deployments",
                 json{{"agentAppId", "hello"}, {"packageUrl", package_url()}}.dump())
                .status,
            202);
  ASSERT_TRUE(store_->set_route({.app_id = "hello",
                                 .short_id = "abcd2345",
                                 .legs = {{.revision = 1, .weight_permille = 1000}}},
                                0));
  const Reply routes = send("GET", "/internal/routes?after=0&edge=e&timeout_ms=1000");

  ASSERT_EQ(routes.status, 200) << routes.body;
  const std::int64_t generation = parse(routes)["generation"];
  EXPECT_EQ(acked_, 0);
  EXPECT_EQ(send("GET", "/internal/routes?edge=e&after=" + std::to_string(generation)).status, 204);
  EXPECT_EQ(acked_, generation);
}

TEST_F(ApiTest, HoldsAPollForRoutesOverOtherChanges) {
  const std::string body = json{{"agentAppId", "hello"}, {"packageUrl", package_url()}}.dump();
  std::latch begun(1);
  std::atomic<int> words = 0;
  context_->on_edge_poll = [&](std::string_view, std::int64_t) {
    if (++words == 1) begun.count_down();
  };
  auto poll = std::async(std::launch::async, [&] {
    return send("GET", "/internal/routes?after=0&edge=e&timeout_ms=30000");
  });
  begun.wait();

  EXPECT_EQ(send("POST", "/deployments", body).status, 202);
  const auto generation = store_->set_route({.app_id = "hello",
                                             .short_id = "abcd2345",
                                             .legs = {{.revision = 1, .weight_permille = 1000}}},
                                            0);
  const Reply routes = poll.get();

  ASSERT_TRUE(generation);
  ASSERT_EQ(routes.status, 200) << routes.body;
  EXPECT_EQ(parse(routes)["generation"], *generation);
  EXPECT_EQ(words, 1);  // an edge says once what it has, not at each change
}

TEST_F(ApiTest, TakesTheMeasurementsOfAnEdge) {
  const model::TrafficReport report{
      .started_at = 5, .revisions = {{.app_id = "hello", .revision = 3, .requests = 9}}};

  const Reply reply =
      send("POST", "/internal/edges/edge1/measurements", model::to_json(report).dump());

  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(parse(reply)["listening_since"], 77);
  EXPECT_EQ(measured_by_, "edge1");
  EXPECT_EQ(measured_.revisions.at(0).requests, 9);
}

TEST_F(ApiTest, RefusesMeasurementsItCannotRead) {
  for (const char* body : {"", "{", "[]", R"({"started_at": 1, "revisions": [{}]})"})
    EXPECT_EQ(send("POST", "/internal/edges/edge1/measurements", body).status, 400) << body;
  EXPECT_EQ(measured_by_, "");
}

TEST_F(ApiTest, SaysWhatIsWrongWithTheStoreAndThatTheCallerMayTryAgain) {
  const Error full{.code = ErrorCode::ResourceExhausted,
                   .message = "the disk of x is full: free space",
                   .retry = Retry::Later};

  EXPECT_EQ(problem(*context_, full).status, 507);
  EXPECT_EQ(parse(problem(*context_, full))["error"], full.message);
  EXPECT_EQ(problem(*context_, make_error(ErrorCode::DataLoss, "damaged")).status, 503);
}

TEST_F(ApiTest, IsNotHealthyWhileTheStoreIsNot) {
  EXPECT_EQ(send("GET", "/healthz").status, 200);
  fs::rename(directory_ / "pixell.db", directory_ / "aside");

  const Reply reply = send("GET", "/healthz");

  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.body.find("pixell.db was removed"), std::string::npos) << reply.body;
}

// The edge answers them by itself.
constexpr std::string_view kOfTheEdge = "GET /v1/edge/";

TEST_F(ApiTest, RoutesAndDocumentAreTheSame) {
  const json document = json::parse(kOpenapiJson);
  std::set<std::string> documented, served;
  for (const auto& [path, operations] : document["paths"].items())
    for (std::string method : {"get", "put", "post", "patch", "delete"}) {
      if (!operations.contains(method)) continue;
      for (char& c : method) c = static_cast<char>(std::toupper(c));
      documented.insert(method + " " + path);
    }
  for (const RouteEntry& route : routes())
    if (!route.pattern.starts_with("/internal/"))
      served.insert(std::string(route.method) + " " + std::string(route.pattern));
  EXPECT_EQ(
      std::erase_if(documented, [](const auto& route) { return route.starts_with(kOfTheEdge); }),
      2u);

  EXPECT_EQ(served, documented);
}

}  // namespace
}  // namespace pixell::api
