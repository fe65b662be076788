#include <gmock/gmock.h>

#include "cmd/pac/testing/fake_pixell.hpp"

namespace pixell::cmd {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kInstance = "01J0000000000000000ABCDEFG";

api::Reply log(std::string lines) {
  return {.status = 200, .body = std::move(lines), .content_type = "application/x-ndjson"};
}

class LogsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pixell_.reply("GET /v1/apps/hello", testing::app_answer());
    pixell_.reply("GET /v1/instances", {{"instances", {testing::instance_body()}}});
    pixell_.reply(std::string("GET /v1/instances/") + kInstance,
                  {{"instance", testing::instance_body()}});
  }
  testing::Ran logs(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "logs");
    arguments.insert(arguments.end(), {"--url", pixell_.url()});
    return testing::run_pac(std::move(arguments));
  }
  testing::FakePixell pixell_;
  const std::string of_app_ = "GET /v1/apps/hello/logs";
  const std::string of_instance_ = std::string("GET /v1/instances/") + kInstance + "/logs";
};

TEST_F(LogsTest, OfAnAppAreForPeopleOrAsTheyCame) {
  const std::string line =
      R"({"event":"hi","level":"info","instance":"01J0000000000000000ABCDEFG"})";
  pixell_.reply(of_app_, {log(line + "\n")});

  const testing::Ran text = logs({"hello"});

  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("0abcdefg info    hi\n"));
  EXPECT_EQ(logs({"hello", "--raw"}).out, line + "\n");
  EXPECT_EQ(logs({"hello", "--json"}).out, line + "\n");
}

TEST_F(LogsTest, AreAskedForAsTold) {
  pixell_.reply(of_app_, {log("")});

  EXPECT_EQ(logs({"hello", "--since", "15m", "--revision", "2"}).exit_code, 0);

  EXPECT_EQ(pixell_.last(of_app_).what, of_app_ + "?since=15m&bytes=4194304&revision=2");
}

TEST_F(LogsTest, OfAnInstanceByItsIdOrTheEndOfIt) {
  pixell_.reply(of_instance_, {log("text\n")});

  for (const std::vector<std::string>& name :
       {std::vector<std::string>{kInstance}, {"bcdefg"}, {"hello", "--instance", "ABCDEFG"}}) {
    const testing::Ran ran = logs(name);

    EXPECT_EQ(ran.exit_code, 0) << name.back() << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("0abcdefg -       text\n"));
  }
}

TEST_F(LogsTest, NeedAnIdThatIsThereAndClear) {
  pixell_.reply(
      "GET /v1/instances",
      {{"instances",
        {testing::instance_body(), testing::instance_body("01J0000000000000000XBCDEFG")}}});

  const testing::Ran none = logs({"nobody"});
  const testing::Ran two = logs({"cdefg"});

  EXPECT_EQ(none.exit_code, 3);
  EXPECT_EQ(none.err, "pac: there is no agent app or instance 'nobody'; `pac status` lists them\n");
  EXPECT_EQ(two.exit_code, 1);
  EXPECT_THAT(two.err, HasSubstr("more than one"));
}

TEST_F(LogsTest, FollowOverAnInterruptionWithoutShowingALineTwice) {
  const std::string first = R"({"timestamp":"2026-01-01T00:00:01Z","event":"one"})";
  const std::string second = R"({"timestamp":"2026-01-01T00:00:02Z","event":"two"})";
  const std::string twin = R"({"timestamp":"2026-01-01T00:00:02Z","event":"two"})";
  const std::string third = R"({"timestamp":"2026-01-01T00:00:03Z","event":"three"})";
  pixell_.reply(of_instance_, {log(first + "\n" + second + "\n" + twin + "\n"),
                               api::problem(503, "control is away"),
                               log(second + "\n" + twin + "\n" + third + "\n")});
  json ended = testing::instance_body();
  ended["phase"] = "stopped";
  pixell_.reply(std::string("GET /v1/instances/") + kInstance,
                {api::json_reply(200, {{"instance", testing::instance_body()}}),
                 api::json_reply(200, {{"instance", testing::instance_body()}}),
                 api::json_reply(200, {{"instance", ended}})});

  const testing::Ran ran = logs({kInstance, "-f", "--raw"});

  // It ends with the instance.
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, first + "\n" + second + "\n" + twin + "\n" + third + "\n");
  EXPECT_THAT(pixell_.last(of_instance_).what,
              AllOf(HasSubstr("follow=true"), HasSubstr("since=2026-01-01T00%3A00%3A02Z")));
}

}  // namespace
}  // namespace pixell::cmd
