// The node's HTTP API as a client sees it that is not ours.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/ids.hpp"
#include "engine/instance_spec.hpp"
#include "engine/local/node/limits.hpp"
#include "engine/local/node/node.hpp"
#include "engine/local/testing/running_node.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::engine::node {

using nlohmann::json;
using testing::fake_par_spec;
using ::testing::HasSubstr;
using testing::RunningNode;
using testing::ScratchState;

namespace {

class NodeServerTest : public ::testing::Test {
 protected:
  ~NodeServerTest() override { testing::end_all(node_); }

  net::FetchReply send(const std::string& method, const std::string& target,
                       const std::string& body = {}) {
    net::FetchRequest request;
    request.method = method;
    request.url = "http://node" + target;
    request.unix_socket = node_socket(state_.path()).string();
    request.body = body;
    const auto reply = net::fetch(request);
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? *reply : net::FetchReply();
  }
  // The canonical code an error answer names.
  static std::string code_of(const net::FetchReply& reply) {
    const json document = json::parse(reply.body, nullptr, false);
    return document.is_object() ? document.value("code", "") : "no JSON: " + reply.body;
  }

  ScratchState state_;
  RunningNode node_{state_.path()};
};

TEST_F(NodeServerTest, AnswersAnUnknownRouteWith404) {
  const auto reply = send("GET", "/nowhere");

  EXPECT_EQ(reply.status, 404);
  EXPECT_THAT(reply.body, HasSubstr("GET /nowhere"));
}

TEST_F(NodeServerTest, RefusesASpecThatIsNoJson) {
  const auto reply = send("PUT", "/instances/one", "{");

  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(code_of(reply), "invalid_argument");
}

TEST_F(NodeServerTest, RefusesASpecUnderAnotherId) {
  const auto reply = send("PUT", "/instances/one", to_json(fake_par_spec("two")).dump());

  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(send("GET", "/instances/two").status, 404);
}

TEST_F(NodeServerTest, RefusesABodyOverTheLimit) {
  const auto reply = send("PUT", "/instances/one", std::string(kMaxSpecBytes + 1, 'x'));

  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(code_of(reply), "resource_exhausted");
}

TEST_F(NodeServerTest, RefusesAStopWithoutAGrace) {
  for (const char* body : {"", "{}", "[]", R"({"grace_ms":"soon"})"})
    EXPECT_EQ(send("POST", "/instances/one/stop", body).status, 400) << body;
}

TEST_F(NodeServerTest, AnswersAPollAtItsEndWithTheSamePosition) {
  const std::int64_t position = json::parse(send("GET", "/changes").body)["position"];

  const auto reply = send("GET", "/changes?timeout_ms=50&after=" + std::to_string(position));

  EXPECT_EQ(json::parse(reply.body)["position"], position);
}

TEST_F(NodeServerTest, AnswersAPollWithAnotherPositionAtOnce) {
  const auto reply = send("GET", "/changes?after=1&timeout_ms=60000");

  EXPECT_GT(json::parse(reply.body)["position"].get<std::int64_t>(), 1);
}

TEST_F(NodeServerTest, MovesThePositionWhenAnInstanceChanges) {
  const std::int64_t before = json::parse(send("GET", "/changes").body)["position"];
  const InstanceSpec spec = fake_par_spec(new_ulid(system_clock().unix_now()));

  ASSERT_EQ(send("PUT", "/instances/" + spec.id, to_json(spec).dump()).status, 200);

  EXPECT_GT(json::parse(send("GET", "/instances").body)["position"].get<std::int64_t>(), before);
}

TEST_F(NodeServerTest, KeepsTheLogOfAFailedInstanceAfterItsRemoval) {
  InstanceSpec spec = fake_par_spec(new_ulid(system_clock().unix_now()));
  spec.environment["FAKE_PAR_BOOT"] = "die";
  ASSERT_EQ(send("PUT", "/instances/" + spec.id, to_json(spec).dump()).status, 200);
  node_.wait_for(spec.id, model::InstancePhase::Failed);

  ASSERT_EQ(send("DELETE", "/instances/" + spec.id).status, 200);

  const auto log = send("GET", "/instances/" + spec.id + "/logs");
  EXPECT_EQ(log.status, 200);
  EXPECT_EQ(log.body, "fake par starts\nsomething went very wrong\n");
  EXPECT_EQ(send("GET", "/instances/" + spec.id).status, 404);
}

TEST_F(NodeServerTest, AnswersAPartOfALogWithItsPlace) {
  const InstanceSpec spec = fake_par_spec(new_ulid(system_clock().unix_now()));
  ASSERT_EQ(send("PUT", "/instances/" + spec.id, to_json(spec).dump()).status, 200);
  node_.wait_for(spec.id, model::InstancePhase::Ready);

  const auto log = send("GET", "/instances/" + spec.id + "/logs?from=5");

  EXPECT_EQ(log.body, "par starts\n");
  EXPECT_EQ(log.header("x-log-from"), "5");
  EXPECT_EQ(log.header("x-log-next"), "16");
}

TEST_F(NodeServerTest, ServesOnASocketForItsOwnUserOnly) {
  const auto status = std::filesystem::status(node_socket(state_.path()));

  EXPECT_EQ(status.permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

}  // namespace
}  // namespace pixell::engine::node
