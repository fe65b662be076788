#include "model/language.hpp"

#include <gtest/gtest.h>

namespace pixell::model {
namespace {

TEST(LanguageOf, FollowsEntrypointThenRuntimeThenFiles) {
  Manifest manifest;
  EXPECT_EQ(language_of(manifest), Language::Python);
  manifest.rest = Manifest::Rest{.entry = "dist/rest/index.js:mount"};
  EXPECT_EQ(language_of(manifest), Language::Node);
  manifest.runtime = "python3.11";
  EXPECT_EQ(language_of(manifest), Language::Python);
  manifest.runtime = "node20";
  EXPECT_EQ(language_of(manifest), Language::Node);
  manifest.entrypoint = "exec:./bin/agent";
  EXPECT_EQ(language_of(manifest), Language::Executable);
}

TEST(OwnServerOf, FindsTheServerOfEachForm) {
  Manifest manifest;
  manifest.entrypoint = "server.js";
  EXPECT_EQ(own_server_of(manifest), "server.js");
  manifest.entrypoint = "agent.js:handle";
  EXPECT_EQ(own_server_of(manifest), "");
  manifest.a2a = Manifest::A2a{.entry = {}, .http_server = "a:app"};
  EXPECT_EQ(own_server_of(manifest), "a:app");
  manifest.http_server = "b:app";
  EXPECT_EQ(own_server_of(manifest), "b:app");
  manifest.entrypoint = "exec:run --now";
  EXPECT_EQ(own_server_of(manifest), "exec:run --now");
}

TEST(ExecCommand, SplitsWordsAndKeepsWhatIsQuoted) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(*exec_command("exec:./bin/agent"), Words{"./bin/agent"});
  EXPECT_EQ(*exec_command("exec: ./a  --name 'two words' \"\" x\"y z\""),
            (Words{"./a", "--name", "two words", "", "xy z"}));
  EXPECT_FALSE(exec_command("exec:"));
  EXPECT_FALSE(exec_command("exec:''"));
  EXPECT_FALSE(exec_command("exec:./a 'open"));
}

}  // namespace
}  // namespace pixell::model
