#include "apkg/manifest_parser.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "apkg/limits.hpp"
#include "apkg/testing/directory_test.hpp"

namespace pixell::apkg {
namespace {

using model::Cause;
using model::Manifest;

Manifest parsed(std::string_view yaml) {
  auto manifest = parse_manifest(yaml);
  if (manifest) return *manifest;
  ADD_FAILURE() << manifest.error().message;
  for (const auto& line : manifest.error().evidence) ADD_FAILURE() << line;
  return {};
}

std::vector<std::string> findings(std::string_view yaml) {
  const auto manifest = parse_manifest(yaml);
  if (manifest) {
    ADD_FAILURE() << "was taken: " << yaml.substr(0, 100);
    return {};
  }
  EXPECT_EQ(manifest.error().cause, Cause::ManifestInvalid);
  EXPECT_FALSE(manifest.error().remedy.empty());
  return manifest.error().evidence;
}

TEST(ManifestParser, HasADefaultForEverything) {
  const Manifest manifest = parsed("unknown_key: [1, 2]\n");

  EXPECT_EQ(manifest.name, "unknown");
  EXPECT_EQ(manifest.version, "0.0.0");
  EXPECT_TRUE(manifest.description.empty());
  EXPECT_FALSE(manifest.a2a || manifest.rest || manifest.ui);
}

TEST(ManifestParser, ReadsLimitsFromEitherPlace) {
  const auto own = parsed("limits: {memory_mb: 64, cpus: 1.5}\n").limits;
  const auto both = parsed(
                        "limits: {memory_mb: 64}\n"
                        "metadata: {pixell: {resources: {memory_mb: 32, disk_mb: 9}}}\n")
                        .limits;

  EXPECT_EQ(own.memory_mb, 64);
  EXPECT_EQ(own.cpu_milli, 1500);
  EXPECT_EQ(both.memory_mb, 64);
  EXPECT_EQ(both.disk_mb, 9);
}

TEST(ManifestParser, NamesEveryWrongLimit) {
  const auto found = findings("limits: {memory_mb: 1, cpus: many, ram: 3}\n");

  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0],
            "agent.yaml:1:21: limits.memory_mb must be a whole number from 16 to 1048576");
}

TEST(ManifestParser, ReadsTheExampleAgent) {
  const Manifest manifest = parsed(R"(
name: example-three-surface-agent
version: "0.1.0"
entrypoint: "main:handler"
a2a:
  service: "a2a_service:create_grpc_server"
rest:
  entry: "rest_routes:mount"
ui:
  path: "ui"
  basePath: "/app"
metadata:
  sub_agents:
    - name: example-agent
      description: An example
    - {name: hidden, description: x, public: false}
)");

  EXPECT_EQ(manifest.name, "example-three-surface-agent");
  EXPECT_EQ(manifest.version, "0.1.0");
  EXPECT_EQ(manifest.a2a->entry, "a2a_service:create_grpc_server");
  EXPECT_EQ(manifest.rest->entry, "rest_routes:mount");
  EXPECT_EQ(manifest.ui->path, "ui");
  EXPECT_EQ(manifest.ui->base_path, "/app");
  ASSERT_EQ(manifest.sub_agents.size(), 2U);
  EXPECT_TRUE(manifest.sub_agents[0].is_public);
  EXPECT_FALSE(manifest.sub_agents[1].is_public);
}

TEST(ManifestParser, PrefersTheVersionInMetadata) {
  EXPECT_EQ(parsed("version: '1.0'\nmetadata: {version: 2.3.4}").version, "2.3.4");
  EXPECT_EQ(parsed("version: 1.10\nmetadata: {}").version, "1.10");
  EXPECT_EQ(parsed("version: 1.10\nmetadata:\n").version, "1.10");
}

TEST(ManifestParser, KnowsBothNamesOfASurface) {
  EXPECT_EQ(parsed("a2a: {entry: 'a:b', service: 'c:d'}").a2a->entry, "a:b");
  EXPECT_EQ(parsed("a2a: {entry: null, service: 'c:d'}").a2a->entry, "c:d");
  EXPECT_EQ(parsed("a2a: {http_server: 'c:app'}").a2a->http_server, "c:app");
  EXPECT_EQ(parsed("a2a: {entry: 'c:app', http_server: 'c:app'}").a2a->entry, "");
  EXPECT_EQ(parsed("http_server: main:app").http_server, "main:app");
  EXPECT_EQ(parsed("ui: {path: p, base_path: /b}").ui->base_path, "/b");
}

TEST(ManifestParser, TakesAnEmptyA2aForTheDefaultService) {
  for (const char* yaml : {"a2a:\n", "a2a: {}", "a2a: ~", "name: x\na2a: null\nrest: {entry: r}"}) {
    ASSERT_TRUE(parsed(yaml).a2a) << yaml;
    EXPECT_TRUE(parsed(yaml).a2a->entry.empty());
  }
}

TEST(ManifestParser, TakesSurfacesWithoutTheirKeyAsNotConfigured) {
  for (const char* yaml : {"rest:\nui:\n", "rest: {}\nui: {}", "rest: {entry: }\nui: {path: ''}"}) {
    EXPECT_FALSE(parsed(yaml).rest) << yaml;
    EXPECT_FALSE(parsed(yaml).ui) << yaml;
  }
}

TEST(ManifestParser, TakesARuntimeAsTextOrMapping) {
  EXPECT_EQ(parsed("runtime: python3.11").runtime, "python3.11");
  EXPECT_EQ(parsed("runtime: {python: '>=3.8'}").runtime, "python>=3.8");
  EXPECT_EQ(parsed("runtime: {node: }").runtime, "node");
  EXPECT_EQ(parsed("runtime: {version: '3.11', language: python}").runtime, "python3.11");
  EXPECT_EQ(parsed("runtime: {type: python}").runtime, "python");
  EXPECT_EQ(parsed("runtime: 3.11").runtime, "3.11");
  EXPECT_EQ(parsed("runtime:").runtime, "");
}

TEST(ManifestParser, KeepsTheEnvironmentAsItIsWritten) {
  const Manifest manifest = parsed("environment: {A: '${A:-1}', B: true, C: 007, D: , _e1: x=y}");

  EXPECT_EQ(manifest.environment,
            (std::map<std::string, std::string>{
                {"A", "${A:-1}"}, {"B", "true"}, {"C", "007"}, {"_e1", "x=y"}}));
}

TEST(ManifestParser, LeavesOutVariablesThatCanHaveNoSuchName) {
  const Manifest manifest = parsed("environment:\n  my-key: x\n  1A: y\n  GOOD: z\n");

  EXPECT_EQ(manifest.environment, (std::map<std::string, std::string>{{"GOOD", "z"}}));
  EXPECT_EQ(manifest.warnings,
            (std::vector<std::string>{
                "agent.yaml:2:3: environment.my-key is left out: it is no name of a variable",
                "agent.yaml:3:3: environment.1A is left out: it is no name of a variable"}));
}

TEST(ManifestParser, TakesAServerNamedTwiceForAServer) {
  const Manifest manifest = parsed("http_server: main:app\na2a: {entry: 'main:app'}");

  EXPECT_EQ(manifest.http_server, "main:app");
  EXPECT_EQ(manifest.a2a->entry, "");
  EXPECT_EQ(parsed("http_server: main:app\na2a: {service: 'main:make'}").a2a->entry, "main:make");
}

TEST(ManifestParser, CountsItsFindings) {
  EXPECT_EQ(parse_manifest("name: [a]").error().message, "agent.yaml has a wrong value");
  EXPECT_EQ(parse_manifest("name: [a]\nrest: x").error().message, "agent.yaml has 2 wrong values");
}

TEST(ManifestParser, TakesTheLastOfTwoEqualKeysAndFollowsAliases) {
  EXPECT_EQ(parsed("name: a\nname: b").name, "b");
  EXPECT_EQ(parsed("x: &n real\nname: *n").name, "real");
}

TEST(ManifestParser, TellsAllFindingsWithTheirPlace) {
  const auto lines = findings(
      "name: [a]\n"
      "environment:\n"
      "  [1]: x\n"
      "  LIST: [1]\n"
      "rest:\n"
      "  entry: {a: b}\n"
      "a2a: text\n"
      "metadata:\n"
      "  sub_agents:\n"
      "    - description: nobody\n"
      "    - 5\n"
      "    - {name: a, public: maybe}\n");

  EXPECT_EQ(lines, (std::vector<std::string>{
                       "agent.yaml:1:7: name must be a text, not a list",
                       "agent.yaml:3:3: environment has a key that is no text",
                       "agent.yaml:4:9: environment.LIST must be a text, not a list",
                       "agent.yaml:7:6: a2a must be a mapping, not a text",
                       "agent.yaml:6:10: rest.entry must be a text, not a mapping",
                       "agent.yaml:10:7: metadata.sub_agents[0] has no name",
                       "agent.yaml:11:7: metadata.sub_agents[1] must be a mapping, not a text",
                       "agent.yaml:12:25: metadata.sub_agents[2].public must be true or false"}));
}

TEST(ManifestParser, RefusesEntriesThatNameNoFunction) {
  for (const char* entry : {"'a b'", "':f'", "'m:'", "\"m:f\\n\""})
    EXPECT_EQ(findings(fmt::format("rest: {{entry: {}}}", entry)).size(), 1U) << entry;
  EXPECT_EQ(findings(fmt::format("rest: {{entry: {}}}", std::string(600, 'x'))).size(), 1U);
  EXPECT_EQ(parsed("rest: {entry: mount}").rest->entry, "mount");
  EXPECT_EQ(parsed("a2a: {service: only_module}").a2a->entry, "only_module");
}

TEST(ManifestParser, RefusesOtherWrongTypes) {
  EXPECT_EQ(findings("runtime: [python]").size(), 1U);
  EXPECT_EQ(findings("runtime: {}").size(), 1U);
  EXPECT_EQ(findings("runtime: {python: [3]}").size(), 1U);
  EXPECT_EQ(findings("metadata: {sub_agents: {}}").size(), 1U);
  EXPECT_EQ(findings("description: \"a\\0b\"").size(), 1U);
  EXPECT_EQ(findings("environment: {A: \"a\\0b\"}").size(), 1U);
}

TEST(ManifestParser, RefusesTextThatIsNoUtf8WhereverItStands) {
  for (const char* yaml :
       {"name: caf\xe9", "environment: {A: \"\xff\"}", "runtime: \"\xff\"", "runtime: {\xff: 3}",
        "runtime: {python: \"\xff\"}", "runtime: {name: \xff, version: 3}",
        "metadata: {sub_agents: [{name: a, description: \"\xff\"}]}", "a2a: {entry: \"\xff\"}"})
    EXPECT_EQ(findings(yaml).size(), 1U) << yaml;
  EXPECT_EQ(findings("name: caf\xe9").at(0), "agent.yaml:1:7: name is not UTF-8");
  EXPECT_EQ(parsed("name: caf\xc3\xa9").name, "caf\xc3\xa9");
}

TEST(ManifestParser, RefusesWhatIsNoMapping) {
  for (const char* yaml : {"", "# only a comment\n", "- a\n- b\n", "text", "null"})
    EXPECT_EQ(findings(yaml).size(), 1U) << yaml;
}

TEST(ManifestParser, TellsWhereTheYamlBreaks) {
  EXPECT_EQ(findings("name: a\n  b: [\n").at(0).find("agent.yaml:2:"), 0U);
  EXPECT_FALSE(findings("name: *nobody").empty());
  EXPECT_FALSE(findings("a: \"open").empty());
}

TEST(ManifestParser, SaysThatATabIsNoIndentation) {
  const std::vector<std::string> tab{
      "agent.yaml:3:1: the line is indented by a tab; YAML takes spaces only"};
  EXPECT_EQ(findings("name: a\nrest:\n\tentry: a:b\n"), tab);
  EXPECT_EQ(findings("name: a\nrest:\n  \tentry: a:b\n"), tab);
  // A tab elsewhere is not to blame for this.
  EXPECT_EQ(findings("description: |\n  \tx\nname: a\n\nrest: [\n").front().find("tab"),
            std::string::npos);
}

TEST(ManifestParser, HoldsItsLimits) {
  EXPECT_FALSE(parse_manifest("name: a\n#" + std::string(kMaxManifestBytes, 'x')));
  std::string deep = "a: ", many = "a: [", agents = "metadata: {sub_agents: [";
  for (std::size_t i = 0; i <= kMaxManifestDepth; ++i) deep += '[';
  for (std::size_t i = 0; i <= kMaxManifestNodes; ++i) many += "1,";
  for (std::size_t i = 0; i <= kMaxSubAgents; ++i) agents += "{name: a},";
  EXPECT_NE(findings(deep).at(0).find("deeper"), std::string::npos);
  EXPECT_NE(findings(many + "]").at(0).find("more than"), std::string::npos);
  EXPECT_NE(findings(agents + "]}").at(0).find("more than"), std::string::npos);
}

TEST(ManifestParser, IsNotBlownUpByAliases) {
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) bomb += fmt::format("a{0}: &a{0} [*a{1}, *a{1}]\n", i, i - 1);
  EXPECT_EQ(parsed(bomb + "name: alive\n").name, "alive");
  EXPECT_EQ(parsed("x: &x {self: *x}\nname: alive\n").name, "alive");
}

TEST(ManifestParser, ReportsNoMoreThanSoManyFindings) {
  std::string yaml = "environment:\n";
  for (int i = 0; i < 200; ++i) yaml += fmt::format("  A{}: []\n", i);
  EXPECT_EQ(findings(yaml).size(), kMaxManifestFindings);
}

using ManifestFile = testing::DirectoryTest;

TEST_F(ManifestFile, IsReadFromThePackage) {
  write("agent.yaml", "name: here");
  EXPECT_EQ(read_manifest(root_)->name, "here");
}

TEST_F(ManifestFile, IsMissed) {
  EXPECT_EQ(read_manifest(root_).error().cause, Cause::ManifestMissing);
  EXPECT_EQ(read_manifest(root_).error().message, "Missing agent.yaml manifest");
  write("mine/agent.yaml", "name: here");
  EXPECT_EQ(read_manifest(root_).error().evidence.front(), "it lies at \"mine/agent.yaml\"");
}

}  // namespace
}  // namespace pixell::apkg
