#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "par/prepare/node_interpreter.hpp"
#include "par/prepare/node_lock.hpp"
#include "par/prepare/node_modules.hpp"

namespace pixell::prepare {
namespace {

TEST(WantedNode, ReadsWhatManifestsSay) {
  EXPECT_EQ(wanted_node("node18").least.major, 18);
  EXPECT_EQ(wanted_node("Node 18").least.major, 18);
  EXPECT_EQ(wanted_node("node>=20.1").least, (Version{.major = 20, .minor = 0}));
  EXPECT_EQ(wanted_node("node>=v18").least.major, 18);
  EXPECT_EQ(wanted_node("node").least.major, 0);
  EXPECT_EQ(wanted_node("").least.major, 0);
  for (const char* older : {"node<21", "node<=20", "node<20.5", "node <=20.5"}) {
    EXPECT_EQ(wanted_node(older).least.major, 0) << older;
    EXPECT_FALSE(wanted_node(older).is_too_new({.major = 20, .minor = 0})) << older;
    EXPECT_TRUE(wanted_node(older).is_too_new({.major = 21, .minor = 0})) << older;
  }
  EXPECT_EQ(wanted_node("node!=19,>=18").least.major, 18);
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

TEST(LinesOfLock, AreTheArchivesOfProduction) {
  const auto lines = lines_of_lock("package-lock.json", R"({"packages": {
      "": {"dependencies": {"a": "1"}},
      "node_modules/a": {"version": "1.0.0", "integrity": "sha512-a"},
      "node_modules/a/node_modules/@s/b": {"version": "2.0.0", "integrity": "sha512-b"},
      "node_modules/a/node_modules/bundled": {"version": "3.0.0", "inBundle": true},
      "node_modules/tool": {"version": "4.0.0", "dev": true}}})");

  ASSERT_TRUE(lines) << lines.error().message;
  EXPECT_EQ(*lines, (std::vector<std::string>{"a@1.0.0 sha512-a", "@s/b@2.0.0 sha512-b"}));
}

TEST(LinesOfLock, RefusesWhatDoesNotLock) {
  const auto refused = [](const std::string& packages) {
    const auto lines = lines_of_lock("package-lock.json", "{\"packages\": " + packages + "}");
    return lines ? "none" : lines.error().message;
  };
  EXPECT_EQ(refused("[]"), "package-lock.json is of a format before npm 7");
  EXPECT_EQ(refused(R"({"node_modules/a": {"version": "1.0.0"}})"),
            "package-lock.json does not say which bytes a has");
  EXPECT_EQ(refused(R"({"node_modules/a": {"resolved": "../a", "link": true}})"),
            "the dependency a is a link to a folder, which cannot be installed");
  EXPECT_EQ(refused(R"({"node_modules/a": {"resolved": "git+ssh://x", "integrity": "sha512-a"}})"),
            "the dependency a is a git repository, which cannot be installed");
  EXPECT_EQ(refused(R"({"node_modules/a": {"resolved": "file:a.tgz", "integrity": "sha512-a"}})"),
            "the dependency a is a file of the package, which cannot be installed");
  EXPECT_EQ(refused(R"({"node_modules/a": {"version": 1, "integrity": "sha512-a"}})"),
            "package-lock.json cannot be read");
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
