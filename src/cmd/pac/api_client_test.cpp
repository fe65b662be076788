#include "cmd/pac/api_client.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "cmd/pac/testing/fake_pixell.hpp"

namespace pixell::cmd {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ApiClientTest : public ::testing::Test {
 protected:
  ApiClient client() const { return ApiClient(pixell_.url()); }
  testing::FakePixell pixell_;
};

TEST_F(ApiClientTest, ShowsAllErrorsOfTheApi) {
  pixell_.reply(
      "POST /x",
      {{"error", "the request is not valid"},
       {"details", {"a", "b"}},
       {"errors",
        {{{"pointer", "/strategy/steps/0/weight_permille"}, {"message", "must be 1 to 999"}},
         {{"pointer", "/tag"}, {"message", "is no tag"}}}}},
      400);
  const json body = json::object();

  const auto sent = client().send({.method = "POST", .path = "/x", .body = &body});

  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ExitCode::Failed);
  EXPECT_THAT(
      sent.error().lines,
      ElementsAre("the request is not valid",
                  "  /strategy/steps/0/weight_permille: must be 1 to 999", "  /tag: is no tag"));
}

TEST_F(ApiClientTest, TellsConflictsFromOtherFailures) {
  for (const auto& [status, code] :
       {std::pair(404, ExitCode::NotFound), std::pair(409, ExitCode::Conflict),
        std::pair(412, ExitCode::Conflict), std::pair(503, ExitCode::NotReachable),
        std::pair(500, ExitCode::Failed), std::pair(401, ExitCode::Failed)}) {
    pixell_.reply("GET /x", {{"error", "no"}}, status);

    const auto reply = client().get("/x");

    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, code) << status;
    EXPECT_EQ(reply.error().lines.front(), "no");
  }
}

TEST_F(ApiClientTest, SendsTheKeyAsABearerTokenAndNeverShowsIt) {
  pixell_.reply("GET /x", {{"error", "who are you"}}, 401);

  const auto refused = ApiClient(pixell_.url(), Secret<std::string>("pac_key")).get("/x");
  const auto broken = ApiClient(pixell_.url(), Secret<std::string>("pac\nkey")).get("/x");

  EXPECT_EQ(pixell_.last("GET /x").headers["authorization"], "Bearer pac_key");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().lines, ElementsAre("who are you", HasSubstr("PIXELL_API_KEY")));
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().lines,
              ElementsAre(AllOf(HasSubstr("--api-key"), Not(HasSubstr("pac\n")))));
}

TEST_F(ApiClientTest, FollowsThePagesOfAList) {
  pixell_.reply("GET /v1/apps", {api::json_reply(200, {{"apps", {1, 2}}, {"next_cursor", "a b"}}),
                                 api::json_reply(200, {{"apps", {3}}})});

  const auto apps = client().list("/v1/apps?limit=2", "apps", 100);

  ASSERT_TRUE(apps);
  EXPECT_EQ(*apps, json({1, 2, 3}));
  EXPECT_EQ(pixell_.asked().back().what, "GET /v1/apps?limit=2&cursor=a%20b");
}

TEST_F(ApiClientTest, ReadsNoMoreOfAListThanAskedFor) {
  pixell_.reply("GET /v1/apps", {{"apps", {1, 2, 3}}, {"next_cursor", "c"}});

  const auto apps = client().list("/v1/apps", "apps", 2);

  ASSERT_TRUE(apps);
  EXPECT_EQ(*apps, json({1, 2}));
  EXPECT_EQ(pixell_.asked().size(), 1U);
}

TEST_F(ApiClientTest, StreamsLinesAndEndsWhenEnoughWasRead) {
  pixell_.reply("GET /log", std::vector<api::Reply>{{.status = 200, .body = "a\nb\nc"}});
  std::vector<std::string> all;
  std::vector<std::string> first;

  const auto whole = client().stream("/log", [&](std::string_view line) {
    all.emplace_back(line);
    return true;
  });
  const auto part = client().stream("/log", [&](std::string_view line) {
    first.emplace_back(line);
    return false;
  });

  EXPECT_TRUE(whole);
  EXPECT_TRUE(part);
  EXPECT_THAT(all, ElementsAre("a", "b", "c"));
  EXPECT_THAT(first, ElementsAre("a"));
}

TEST_F(ApiClientTest, TellsWhyAStreamWasRefused) {
  bool is_called = false;

  const auto read = client().stream("/none", [&](std::string_view) { return is_called = true; });

  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ExitCode::NotFound);
  EXPECT_FALSE(is_called);
}

TEST_F(ApiClientTest, UploadsAPackageAsAForm) {
  pixell_.reply("POST /p", {{"package", {{"id", "1"}}}}, 201);

  const auto sent = client().upload({.path = "/p",
                                     .file = "PK-----------------------------pixell-cli",
                                     .version = "1.0",
                                     .replaces = true});

  ASSERT_TRUE(sent);
  const testing::Asked asked = pixell_.last("POST /p");
  const std::string type = asked.headers.at("content-type");
  ASSERT_THAT(type, StartsWith("multipart/form-data; boundary="));
  const std::string boundary = type.substr(type.find('=') + 1);
  // The file holds the usual boundary: another one is taken.
  EXPECT_THAT(boundary, HasSubstr("again"));
  EXPECT_THAT(
      asked.body,
      AllOf(StartsWith("--" + boundary + "\r\n"), HasSubstr("name=\"version\"\r\n\r\n1.0\r\n"),
            HasSubstr("name=\"force_overwrite\"\r\n\r\ntrue\r\n"), HasSubstr("\r\n\r\nPK---")));
  EXPECT_TRUE(asked.body.ends_with("\r\n--" + boundary + "--\r\n"));
}

TEST_F(ApiClientTest, IsInterruptedByItsToken) {
  std::stop_source stop;
  stop.request_stop();

  const auto reply = client().stopped_by(stop.get_token()).get("/x");

  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ExitCode::Interrupted);
}

// ------------------------------------------------------------------ every command, seen from
// outside

const std::vector<std::vector<std::string>>& all_commands() {
  static const std::vector<std::vector<std::string>> commands = {
      {"apps"},
      {"status"},
      {"status", "a"},
      {"revisions", "a"},
      {"deployments"},
      {"deployments", "a"},
      {"logs", "a"},
      {"events"},
      {"open", "a"},
      {"traffic", "a"},
      {"traffic", "a", "--set", "1=100%"},
      {"rollback", "a"},
      {"rollout", "pause", "a"},
      {"scale", "a", "2"},
      {"delete", "a", "--yes"},
      {"packages", "a"},
      {"packages", "show", "a", "1"},
      {"edge", "explain", "/agents/a/"},
      {"deploy", "https://h/a.apkg", "--app", "a", "--wait"}};
  return commands;
}

std::string shown(const std::vector<std::string>& command) {
  return command[0] + (command.size() > 1 ? " " + command[1] : "");
}

testing::Ran run_at(const std::string& url, std::vector<std::string> command) {
  command.insert(command.end(), {"--url", url});
  return testing::run_pac(std::move(command));
}

TEST(EveryCommand, EndsWith4WhenNobodyListens) {
  // A port that is bound but does not listen refuses connections, and nobody else can take it.
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string where = "127.0.0.1:" + std::to_string(net::bound_port(socket.get()).value());

  for (const auto& command : all_commands()) {
    const testing::Ran ran = run_at("http://" + where, command);

    EXPECT_EQ(ran.exit_code, 4) << shown(command);
    EXPECT_THAT(ran.err, AllOf(StartsWith("pac: cannot reach Pixell: " + where),
                               HasSubstr("is `pac serve` running"), HasSubstr("--url")))
        << shown(command);
  }
}

TEST(EveryCommand, EndsWith4WhileControlIsAway) {
  testing::ApiServer edge([](auto&, auto&) { return api::problem(503, "control is away"); });

  for (const auto& command : all_commands()) {
    const testing::Ran ran = run_at(edge.url(), command);

    EXPECT_EQ(ran.exit_code, 4) << shown(command);
    EXPECT_EQ(ran.err, "pac: control is away\n") << shown(command);
  }
}

TEST(EveryCommand, EndsWith1ForAUrlThatCannotBeUsed) {
  for (const char* url : {"ftp://127.0.0.1", "http://a b", "http://127.0.0.1:x"}) {
    const testing::Ran ran = testing::run_pac({"apps", "--url", url});

    EXPECT_EQ(ran.exit_code, 1) << url;
    EXPECT_THAT(ran.err, AllOf(HasSubstr("--url"), HasSubstr("http://127.0.0.1:4000"))) << url;
  }
}

struct Stranger {
  const char* name;
  int status;
  std::string body;
};

class EveryCommandAtAStranger : public ::testing::TestWithParam<Stranger> {};

// Whatever answers: a command ends with a line that says so, never by a crash. (What is no log or
// explanation of Pixell's may still be text or JSON.)
TEST_P(EveryCommandAtAStranger, TellsThatItIsNotPixell) {
  testing::ApiServer stranger([](auto&, auto&) {
    return api::Reply{.status = GetParam().status, .body = GetParam().body};
  });

  for (const auto& command : all_commands()) {
    const testing::Ran ran = run_at(stranger.url(), command);

    const bool is_free_form = command[0] == "logs" || command[0] == "edge";
    if (is_free_form && GetParam().status == 200) continue;
    EXPECT_EQ(ran.exit_code, 1) << shown(command);
    EXPECT_THAT(ran.err, AllOf(StartsWith("pac: the answer is"), HasSubstr("--url")))
        << shown(command);
    EXPECT_LT(ran.err.size(), 1'000U);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Answers, EveryCommandAtAStranger,
    ::testing::Values(Stranger{"Page", 200, "<html>" + std::string(100'000, 'x')},
                      Stranger{"Empty", 200, ""}, Stranger{"Array", 200, "[]"},
                      Stranger{"Text", 200, "\"x\""}, Stranger{"OtherObject", 200, "{}"},
                      Stranger{"OtherTypes", 200,
                               R"({"apps":7,"app":7,"deployment":7,"deployments":7,"events":7,
                                   "package":7,"packages":7,"revisions":7,"traffic":7,"route":7,
                                   "generation":7,"rollout":7,"instances":7})"},
                      Stranger{"Redirect", 302, ""}, Stranger{"ServerError", 500, "<html>"},
                      Stranger{"ErrorWithoutText", 400, "{\"x\":1}"}),
    [](const auto& row) { return row.param.name; });

TEST(ApiErrors, AreShownEvenWhenTheyAreNoTexts) {
  testing::ApiServer stranger([](auto&, auto&) {
    return api::Reply{.status = 400, .body = R"({"error":{"code":7},"details":[{"a":1},"b"]})"};
  });

  const testing::Ran ran = run_at(stranger.url(), {"apps"});

  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.err, "pac: {\"code\":7}\npac:   {\"a\":1}\npac:   b\n");
}

}  // namespace
}  // namespace pixell::cmd
