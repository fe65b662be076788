#include "par/environment_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/files.hpp"
#include "base/testing/temp_directory.hpp"

namespace pixell::par {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class EnvironmentFileTest : public ::testing::Test {
 protected:
  Environment with(const std::string& content) {
    EXPECT_TRUE(write_file_atomically(path(), content));
    return {{"PAR_ENVIRONMENT_FILE", path()}};
  }
  std::string path() const { return (directory_ / "environment.json").string(); }

  TempDirectory directory_;
};

TEST_F(EnvironmentFileTest, AddsItsValues) {
  Environment env = with(R"({"API_KEY":"s3cret","EMPTY":"","WORKERS":"2"})");

  ASSERT_TRUE(add_environment_file(env));

  EXPECT_EQ(env.at("API_KEY"), "s3cret");
  EXPECT_EQ(env.at("EMPTY"), "");
  EXPECT_EQ(env.at("WORKERS"), "2");
}

TEST_F(EnvironmentFileTest, WinsOverWhatIsSetButForParsOwnVariablesAndPath) {
  Environment env = with(R"({"TZ":"Asia/Tokyo","INSTANCE_DIR":"/elsewhere","PATH":"/evil"})");
  env["TZ"] = "UTC";
  env["INSTANCE_DIR"] = "/var/lib/pixell/instance";
  env["PATH"] = "/usr/bin";

  ASSERT_TRUE(add_environment_file(env));

  EXPECT_EQ(env.at("TZ"), "Asia/Tokyo");
  EXPECT_EQ(env.at("INSTANCE_DIR"), "/var/lib/pixell/instance");
  EXPECT_EQ(env.at("PATH"), "/usr/bin");
}

TEST_F(EnvironmentFileTest, IsNotNeeded) {
  Environment env{{"A", "1"}};

  ASSERT_TRUE(add_environment_file(env));

  EXPECT_EQ(env.size(), 1u);
}

TEST_F(EnvironmentFileTest, IsNotPassedOnToTheAgent) {
  EXPECT_TRUE(is_par_variable("PAR_ENVIRONMENT_FILE"));
}

TEST_F(EnvironmentFileTest, IsRefusedWithItsNameAndWithoutAValue) {
  for (const char* content :
       {"", "[]", R"({"A":1})", R"({"A=B":"s3cret"})", R"({"":"s3cret"})", R"({"A":"s3cret")"}) {
    Environment env = with(content);

    const auto added = add_environment_file(env);

    ASSERT_FALSE(added) << content;
    EXPECT_EQ(added.error().code, ErrorCode::InvalidArgument);
    EXPECT_THAT(added.error().message, HasSubstr(path()));
    EXPECT_THAT(added.error().message, Not(HasSubstr("s3cret")));
  }
}

TEST_F(EnvironmentFileTest, IsRefusedWhenItIsAbsentOrNoAbsolutePath) {
  Environment absent{{"PAR_ENVIRONMENT_FILE", path()}};
  Environment relative{{"PAR_ENVIRONMENT_FILE", "environment.json"}};

  EXPECT_FALSE(add_environment_file(absent));
  EXPECT_FALSE(add_environment_file(relative));
}

}  // namespace
}  // namespace pixell::par
