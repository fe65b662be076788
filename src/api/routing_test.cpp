#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/testing/api_fixture.hpp"

// How an app is reached beside its traffic: GET and PUT /v1/apps/{app}/routing.

namespace pixell::api {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ApiRoutingTest : public ApiTest {
 protected:
  Reply put(const std::string& app, const std::string& body,
            std::vector<std::pair<std::string, std::string>> headers = {}) {
    return send("PUT", "/v1/apps/" + app + "/routing", body, std::move(headers));
  }
  json routing_of(const std::string& app) {
    return parse(send("GET", "/v1/apps/" + app + "/routing"))["routing"];
  }
  /// The pointers of all that is wrong with a body.
  std::vector<std::string> pointers(const std::string& body) {
    const Reply reply = put("hello", body);
    EXPECT_EQ(reply.status, 400) << body << " " << reply.body;
    std::vector<std::string> found;
    const json problem = parse(reply);
    for (const auto& error : problem["errors"]) found.push_back(error["pointer"]);
    return found;
  }

  const std::string legacy_ = R"({"legacy":{"address":"10.0.0.7:8080","weight_permille":1000}})";
};

TEST_F(ApiRoutingTest, ReplacesTheWhole) {
  serve_revision("hello");
  const json wanted = {
      {"limits",
       {{"max_concurrent", 100}, {"timeouts", {{"rest_ms", 60'000}, {"idle_ms", 300'000}}}}},
      {"aliases", {"old-hello", "h.1"}},
      {"hosts", {"hello.example.com"}},
      {"mirror", {{"revision", 1}, {"permille", 100}}},
      {"legacy", {{"address", "[fd00::7]:80"}, {"path_prefix", "/x"}}}};

  const Reply set = put("hello", wanted.dump());
  const json shown = parse(send("GET", "/v1/apps/hello/routing"));
  const Reply reset = put(store_->app("hello")->short_id, R"({"aliases":["h.1"]})");

  ASSERT_EQ(set.status, 200) << set.body;
  EXPECT_EQ(parse(set), shown);
  EXPECT_EQ(shown["app"], "hello");
  EXPECT_EQ(shown["routing"]["limits"]["timeouts"]["rest_ms"], 60'000);
  EXPECT_EQ(shown["routing"]["limits"]["burst"], 0);
  EXPECT_EQ(shown["routing"]["mirror"]["max_body_bytes"], 65'536);
  EXPECT_EQ(shown["routing"]["legacy"]["weight_permille"], 0);
  ASSERT_EQ(reset.status, 200) << reset.body;
  EXPECT_EQ(store_->app("hello")->routing, (model::Routing{.aliases = {"h.1"}}));
}

TEST_F(ApiRoutingTest, ChangesOnlyWhatWasSeen) {
  serve_revision("hello");
  const std::string tag(*send("GET", "/v1/apps/hello/routing").headers.get("etag"));

  const Reply first = put("hello", R"({"aliases":["a"]})", {{"if-match", tag}});
  const Reply stale = put("hello", R"({"aliases":["b"]})", {{"if-match", tag}});
  const std::string now(*first.headers.get("etag"));

  EXPECT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(stale.status, 412);
  EXPECT_THAT(stale.body, HasSubstr("read it again"));
  EXPECT_EQ(send("GET", "/v1/apps/hello/routing", "", {{"if-none-match", now}}).status, 304);
  EXPECT_EQ(put("hello", "{}", {{"if-none-match", "*"}}).status, 412) << "it is there";
  EXPECT_EQ(routing_of("hello")["aliases"], json::array({"a"}));
}

TEST_F(ApiRoutingTest, NamesEveryPlaceThatIsWrong) {
  serve_revision("hello");

  EXPECT_THAT(pointers(R"({"limits":{"burst":5}})"), ElementsAre("/limits/burst"));
  EXPECT_THAT(
      pointers(R"({"limits":{"max_concurrent":-1,"timeouts":{"rest":5}},"aliases":["a",7],
                           "hosts":"x","mirror":{"revision":1},
                           "legacy":{"weight_permille":1001},"more":1})"),
      ElementsAre("/limits/max_concurrent", "/limits/timeouts/rest", "/aliases/1", "/hosts",
                  "/mirror/permille", "/legacy/address", "/legacy/weight_permille", "/more"));
  EXPECT_THAT(pointers(R"({"aliases":["a","b@c","a"],"hosts":["A.example"]})"),
              ElementsAre("/aliases/1", "/aliases/2", "/hosts/0"));
  EXPECT_THAT(pointers(R"({"legacy":{"address":"10.0.0.7:80","path_prefix":"x"}})"),
              ElementsAre("/legacy/path_prefix"));
  EXPECT_EQ(put("hello", "text").status, 400);
}

TEST_F(ApiRoutingTest, LeadsALegacyTargetToAnAddressOnly) {
  serve_revision("hello");

  for (const char* address : {"legacy.internal:80", "10.0.0.7", "10.0.0.7:0", "unix:/run/x.sock",
                              "fd00::7:80", "10.0.0.7:http", ":80", "http://10.0.0.7:80"})
    EXPECT_THAT(pointers(R"({"legacy":{"address":")" + std::string(address) + R"("}})"),
                ElementsAre("/legacy/address"))
        << address;
}

TEST_F(ApiRoutingTest, LeavesTheHostsOfTheApiAlone) {
  serve_revision("hello");
  context_->allowed_hosts = {"pixell.example.com"};

  for (const char* host : {"localhost", "127.0.0.1", "pixell.example.com"})
    EXPECT_THAT(pointers(R"({"hosts":["a.example.com",")" + std::string(host) + R"("]})"),
                ElementsAre("/hosts/1"))
        << host;
}

TEST_F(ApiRoutingTest, MirrorsToARevisionWithALegOnly) {
  serve_revision("hello", 'a');
  serve_revision("hello", 'b');
  const std::string mirror = R"({"mirror":{"revision":1,"permille":100}})";

  const Reply refused = put("hello", mirror);
  const auto tagged = model::with_tag(store_->app("hello")->traffic, 1, "shadow");
  ASSERT_TRUE(store_->update_app("hello", &tagged, nullptr, {}));

  EXPECT_THAT(refused.body,
              AllOf(HasSubstr("/mirror/revision"), HasSubstr("pac traffic hello --tag mirror=1")));
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(put("hello", mirror).status, 200);
}

TEST_F(ApiRoutingTest, RefusesTheNamesOfOthers) {
  serve_revision("hello");
  serve_revision("other");
  ASSERT_EQ(put("hello", R"({"aliases":["old"],"hosts":["h.example"]})").status, 200);

  const Reply alias = put("other", R"({"aliases":["old"]})");
  const Reply host = put("other", R"({"hosts":["h.example"]})");
  const Reply deployed = send("POST", "/deployments", deploy_body("old"));

  EXPECT_EQ(alias.status, 409);
  EXPECT_THAT(alias.body, HasSubstr("'old' is an alias of app 'hello'"));
  EXPECT_EQ(host.status, 409);
  EXPECT_THAT(host.body, HasSubstr("'h.example' is a host of app 'hello'"));
  EXPECT_EQ(deployed.status, 409);
  EXPECT_THAT(deployed.body, HasSubstr("choose another agentAppId"));
}

TEST_F(ApiRoutingTest, CreatesAnAppForALegacyServiceOnly) {
  const Reply plain = put("new", R"({"aliases":["a"]})");
  const Reply seen = put("new", legacy_, {{"if-match", "\"1\""}});
  const Reply malformed = put("new.app", legacy_);

  const Reply created = put("new", legacy_, {{"if-none-match", "*"}});
  const Reply again = put("new", legacy_);

  EXPECT_EQ(send("GET", "/v1/apps/none/routing").status, 404);
  EXPECT_EQ(plain.status, 404);
  EXPECT_THAT(plain.body, HasSubstr("one with a legacy target would be created"));
  EXPECT_EQ(seen.status, 404);
  EXPECT_EQ(malformed.status, 400);
  EXPECT_THAT(malformed.body, HasSubstr("agentAppId 'new.app' is not valid"));
  ASSERT_EQ(created.status, 201) << created.body;
  EXPECT_EQ(created.headers.get("location"), "/v1/apps/new");
  EXPECT_EQ(created.headers.get("etag"), "\"" + parse(created)["generation"].dump() + "\"");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(parse(send("GET", "/v1/apps/new"))["app"]["desired_revision"], 0);
}

TEST_F(ApiRoutingTest, IsRefusedWhileTheAppIsBeingDeleted) {
  serve_revision("hello");
  ASSERT_EQ(send("DELETE", "/v1/apps/hello").status, 202);

  const Reply refused = put("hello", legacy_);

  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("being deleted"));
}

TEST_F(ApiRoutingTest, MayChangeDuringARollout) {
  serve_revision("hello");
  ASSERT_EQ(send("POST", "/deployments", deploy_body("hello")).status, 202);

  EXPECT_EQ(put("hello", R"({"limits":{"requests_per_second":5}})").status, 200);
}

}  // namespace
}  // namespace pixell::api
