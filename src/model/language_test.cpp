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
  manifest.runtime = "Node 20";
  EXPECT_EQ(language_of(manifest), Language::Node);
  manifest.entrypoint = "exec:./bin/agent";
  EXPECT_EQ(language_of(manifest), Language::Executable);
}

TEST(NeedsWorker, IsTrueForWhatIsCalledOrServes) {
  Manifest manifest;
  manifest.runtime = "node20";
  manifest.ui = Manifest::Ui{.path = "ui"};
  manifest.a2a.emplace();
  EXPECT_FALSE(needs_worker(manifest));

  Manifest called = manifest;
  called.a2a->entry = "a.js:service";
  EXPECT_TRUE(needs_worker(called));
  called = manifest;
  called.a2a->http_server = "a:app";
  EXPECT_TRUE(needs_worker(called));
  called = manifest;
  called.rest = Manifest::Rest{.entry = "r.js:mount"};
  EXPECT_TRUE(needs_worker(called));
  called = manifest;
  called.http_server = "s.js";
  EXPECT_TRUE(needs_worker(called));
  for (const char* entrypoint : {"main:handle", "exec:./run"}) {
    called = manifest;
    called.entrypoint = entrypoint;
    EXPECT_TRUE(needs_worker(called)) << entrypoint;
  }
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
