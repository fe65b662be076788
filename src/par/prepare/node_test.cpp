#include <gtest/gtest.h>

#include <string>

#include "par/prepare/node_interpreter.hpp"
#include "par/prepare/node_modules.hpp"

namespace pixell::prepare {
namespace {

TEST(WantedNode, ReadsWhatManifestsSay) {
  EXPECT_EQ(wanted_node("node18"), 18);
  EXPECT_EQ(wanted_node("node>=20.1"), 20);
  EXPECT_EQ(wanted_node("node"), 0);
  EXPECT_EQ(wanted_node(""), 0);
}

TEST(NodeEnvironment, PassesNothingThatLoadsCode) {
  const auto env = node_environment({{"PATH", "/bin"},
                                     {"NODE_OPTIONS", "--require /evil.js"},
                                     {"npm_config_git", "/evil"},
                                     {"HTTPS_PROXY", "http://p"}},
                                    "/opt/node/bin/node");

  EXPECT_EQ(env.at("PATH"), "/opt/node/bin:/bin");
  EXPECT_EQ(env.at("HTTPS_PROXY"), "http://p");
  EXPECT_FALSE(env.contains("NODE_OPTIONS"));
  EXPECT_FALSE(env.contains("npm_config_git"));
}

TEST(RegistryLines, KeepsPlacesAndDropsPrograms) {
  EXPECT_EQ(registry_lines("registry=https://r/\n git = ./evil\n@s:registry=https://s/\n"
                           "script-shell=./evil\ncache=/etc\n//s/:_authToken=${NPM_TOKEN}\n"
                           "# registry=x\nplain\nlegacy-peer-deps=true"),
            "registry=https://r/\n@s:registry=https://s/\n//s/:_authToken=${NPM_TOKEN}\n"
            "legacy-peer-deps=true\n");
}

TEST(NpmFailure, NamesTheCauseAndHidesPasswords) {
  using model::Cause;
  const auto missing = npm_failure("npm error code E404\nnpm error 404 https://me:pw@host/x\n");
  EXPECT_EQ(missing.cause, Cause::DependencyNotFound);
  EXPECT_EQ(missing.evidence.at(1), "npm error 404 https://[REDACTED]@host/x");
  EXPECT_EQ(npm_failure("npm error code ERESOLVE").cause, Cause::DependencyConflict);
  EXPECT_EQ(npm_failure("npm error code EUSAGE").cause, Cause::DependencyConflict);
  EXPECT_EQ(npm_failure("npm error code EBADPLATFORM").cause, Cause::WrongArchitecture);
  EXPECT_EQ(npm_failure("npm error code ETIMEDOUT").cause, Cause::DependencyTimeout);
  EXPECT_EQ(npm_failure("anything else").cause, Cause::DependencyFailed);
}

TEST(NpmFailure, ShowsWhatIsWrongAndNotHowToUseNpm) {
  const auto failure = npm_failure(
      "npm error code EUSAGE\nnpm error\nnpm error Invalid: lock file's a@1 does not satisfy a@2\n"
      "npm error\nnpm error Usage:\nnpm error npm ci\n");
  EXPECT_EQ(failure.evidence,
            (std::vector<std::string>{"npm error code EUSAGE",
                                      "npm error Invalid: lock file's a@1 does not satisfy a@2"}));
}

}  // namespace
}  // namespace pixell::prepare
