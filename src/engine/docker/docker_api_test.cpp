#include "engine/docker/docker_api.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/docker/docker_engine.hpp"

namespace pixell::engine::docker {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

TEST(ChooseVersion, TakesTheNewestThatBothSpeak) {
  const auto old = choose_version(
      {{"ApiVersion", "1.41"}, {"MinAPIVersion", "1.12"}, {"Version", "20.10"}, {"Arch", "amd64"}});
  const auto fresh = choose_version({{"ApiVersion", "1.52"}, {"MinAPIVersion", "1.44"}});

  ASSERT_TRUE(old && fresh);
  EXPECT_EQ(old->api_minor, 41);
  EXPECT_EQ(old->server, "20.10");
  EXPECT_EQ(old->architecture, "amd64");
  EXPECT_EQ(fresh->api_minor, 47);
}

TEST(ChooseVersion, SaysWhenThereIsNone) {
  const auto ancient = choose_version({{"ApiVersion", "1.24"}, {"MinAPIVersion", "1.12"}});
  const auto distant = choose_version({{"ApiVersion", "1.90"}, {"MinAPIVersion", "1.60"}});

  EXPECT_EQ(ancient.error().code, ErrorCode::FailedPrecondition);
  EXPECT_THAT(ancient.error().message, HasSubstr("1.12 to 1.24"));
  EXPECT_EQ(distant.error().code, ErrorCode::FailedPrecondition);
}

TEST(ChooseVersion, RefusesWhatIsNoDaemon) {
  for (const char* text : {"null", "[]", "{}", R"({"ApiVersion":1.41})", R"({"ApiVersion":"2.0"})",
                           R"({"ApiVersion":"1.x"})", R"({"ApiVersion":"1."})"})
    EXPECT_EQ(choose_version(json::parse(text)).error().code, ErrorCode::DataLoss) << text;
}

TEST(Refusal, HasTheCodeOfItsStatusAndDockersWords) {
  const Error missing = refusal(404, R"({"message":"No such container: x"})");

  EXPECT_EQ(missing.code, ErrorCode::NotFound);
  EXPECT_EQ(missing.message, "Docker: No such container: x");
  EXPECT_EQ(refusal(409, "{}").code, ErrorCode::AlreadyExists);
  EXPECT_EQ(refusal(400, "").code, ErrorCode::InvalidArgument);
  EXPECT_EQ(refusal(403, "").code, ErrorCode::PermissionDenied);
  EXPECT_EQ(refusal(500, "").code, ErrorCode::Internal);
  EXPECT_THAT(refusal(500, "<html>").message, HasSubstr("status 500"));
  EXPECT_THAT(refusal(500, R"({"message":7})").message, HasSubstr("status 500"));
}

TEST(DockerApi, SaysThatThereIsNoSocket) {
  DockerApi api("/nonexistent/docker.sock");

  const auto answer = api.get("/info");

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(answer.error().retry, Retry::Later);
  EXPECT_THAT(answer.error().message, HasSubstr("/nonexistent/docker.sock"));
  EXPECT_THAT(answer.error().message, HasSubstr("--docker-socket"));
}

TEST(TextIn, IsEmptyForAnythingElse) {
  EXPECT_EQ(text_in({{"a", "b"}}, "a"), "b");
  EXPECT_EQ(text_in({{"a", 1}}, "a"), "");
  EXPECT_EQ(text_in(json::array(), "a"), "");
  EXPECT_EQ(label_in({{"Labels", {{"x", "y"}}}}, "x"), "y");
  EXPECT_EQ(label_in({{"Labels", nullptr}}, "x"), "");
}

TEST(LabelFilter, IsEncoded) {
  EXPECT_EQ(label_filter("a=b"), "%7B%22label%22%3A%5B%22a%3Db%22%5D%7D");
}

TEST(DockerPublish, IsAnAddressWithARangeOfPorts) {
  for (const char* text : {"", "127.0.0.1", "127.0.0.1:20000", "0.0.0.0:20000-20999"})
    EXPECT_TRUE(check_docker_publish(text)) << text;
  for (const char* text :
       {"x", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:9-8", "127.0.0.1:1-70000", "127.0.0.1:a"})
    EXPECT_EQ(check_docker_publish(text).error().code, ErrorCode::InvalidArgument) << text;
}

}  // namespace
}  // namespace pixell::engine::docker
