#include "model/environment.hpp"

#include <gtest/gtest.h>

namespace pixell::model {
namespace {

using Names = std::vector<std::string>;

TEST(Dotenv, ReadsKeysAndValues) {
  const Environment values = parse_dotenv(
      "# comment\n\n A = 1 \r\nB=\"two words\"\nC='x'\nD=a=b&c?d!e@f\nE=\nF=\"open\nA=last\n"
      "G=v # not a comment\n");

  EXPECT_EQ(values, (Environment{{"A", "last"},
                                 {"B", "two words"},
                                 {"C", "x"},
                                 {"D", "a=b&c?d!e@f"},
                                 {"E", ""},
                                 {"F", "\"open"},
                                 {"G", "v # not a comment"}}));
}

TEST(Dotenv, SkipsWhatIsNotAnAssignment) {
  EXPECT_TRUE(parse_dotenv("no equals\n=value\nexport X=1\n1A=2\nA-B=3\n").empty());
  EXPECT_TRUE(parse_dotenv(std::string_view("N=a\0b\n", 6)).empty());
  EXPECT_EQ(parse_dotenv("\xEF\xBB\xBF"
                         "A=1"),
            (Environment{{"A", "1"}}));
}

TEST(ResolveEnvironment, LaterLayersWin) {
  const auto resolved = resolve_environment({.base = {{"A", "base"}, {"B", "base"}},
                                             .dotenv = {{"B", "dotenv"}, {"C", "dotenv"}},
                                             .manifest = {{"C", "manifest"}, {"D", "manifest"}},
                                             .deploy = {{"D", "deploy"}, {"E", "deploy"}},
                                             .owned = {{"E", "owned"}}});

  EXPECT_EQ(
      resolved.values,
      (Environment{
          {"A", "base"}, {"B", "dotenv"}, {"C", "manifest"}, {"D", "deploy"}, {"E", "owned"}}));
}

struct Row {
  const char* value;
  const char* resolved;
};

TEST(ResolveEnvironment, FillsPlaceholders) {
  for (const auto& [value, expected] : {Row{"${FROM_ENV}", "dotenv"},
                                        {"a-${FROM_DEPLOY}-b", "a-deploy-b"},
                                        {"${PORT}", "8080"},
                                        {"${OTHER}", "manifest"},
                                        {"${MISSING:-fall back}", "fall back"},
                                        {"${MISSING:-}", ""},
                                        {"${X:-50051}", "50051"},
                                        {"${MISSING}", "${MISSING}"},
                                        {"${not a name}", "${not a name}"},
                                        {"$PORT ${", "$PORT ${"},
                                        {"${FROM_ENV}${PORT}", "dotenv8080"},
                                        {"{{secrets.key}}", "{{secrets.key}}"}}) {
    const auto resolved =
        resolve_environment({.dotenv = {{"FROM_ENV", "dotenv"}},
                             .manifest = {{"X", value}, {"OTHER", "manifest"}},
                             .deploy = {{"FROM_DEPLOY", "deploy"}, {"FROM_ENV", "weaker"}},
                             .owned = {{"PORT", "8080"}}});
    EXPECT_EQ(resolved.values.at("X"), expected) << value;
  }
}

TEST(ResolveEnvironment, TellsWhichNamesAreUnknown) {
  const auto resolved = resolve_environment({.manifest = {{"X", "${NOBODY} ${A:-1}"}}});
  EXPECT_EQ(resolved.unresolved, Names{"NOBODY"});
}

TEST(ResolveEnvironment, LooksPastItselfToAWeakerLayer) {
  const auto resolved = resolve_environment({.base = {{"PATH", "/bin"}},
                                             .dotenv = {{"PATH", "/own:${PATH}"}},
                                             .manifest = {{"A2A_PORT", "${A2A_PORT:-50051}"}}});
  EXPECT_EQ(resolved.values.at("PATH"), "/own:/bin");
  EXPECT_EQ(resolved.values.at("A2A_PORT"), "50051");
}

TEST(ResolveEnvironment, EndsCyclesAndGrowth) {
  const auto cycle =
      resolve_environment({.manifest = {{"A", "${B}"}, {"B", "${A}"}, {"C", "${C}"}}});
  EXPECT_NE(cycle.values.at("A").find("${"), std::string::npos);
  EXPECT_EQ(cycle.values.at("C"), "${C}");
  EXPECT_FALSE(cycle.unresolved.empty());

  Environment doubling{{"V0", std::string(1024, 'x')}};
  for (int i = 1; i < 40; ++i) {
    const std::string before = "${V" + std::to_string(i - 1) + "}";
    doubling["V" + std::to_string(i)] = before + before;
  }
  const auto grown = resolve_environment({.manifest = doubling});
  for (const auto& [name, value] : grown.values)
    EXPECT_LE(value.size(), kMaxEnvironmentValueBytes) << name;
}

TEST(ResolveEnvironment, DoesNotFollowALongChainToItsEnd) {
  constexpr int kLength = 9'000;  // fewer than the lookups that are allowed
  Environment chain{{"V" + std::to_string(kLength), "end"}};
  for (int i = 0; i < kLength; ++i)
    chain["V" + std::to_string(i)] = "${V" + std::to_string(i + 1) + "}";

  const auto resolved = resolve_environment({.dotenv = chain});

  EXPECT_EQ(resolved.values.at("V0"), "${V" + std::to_string(kMaxPlaceholderDepth) + "}");
  const auto near = resolve_environment({.dotenv = {{"A", "${B}"}, {"B", "${C}"}, {"C", "end"}}});
  EXPECT_EQ(near.values.at("A"), "end");
}

TEST(ResolveEnvironment, LeavesOutValuesThatSayNothing) {
  const auto resolved = resolve_environment({.dotenv = {{"DB_PORT", ""},
                                                        {"DB_HOST", "NONE"},
                                                        {"A", "None"},
                                                        {"B", "null"},
                                                        {"MODE", "none"},
                                                        {"EMPTY", ""}},
                                             .owned = {{"DB_NAME", ""}}});
  EXPECT_EQ(resolved.dropped, (Names{"A", "B", "DB_HOST", "DB_PORT"}));
  EXPECT_EQ(resolved.values, (Environment{{"MODE", "none"}, {"EMPTY", ""}, {"DB_NAME", ""}}));
}

TEST(ResolveEnvironment, LetsNoValueThatSaysNothingHideAWeakerOne) {
  const auto resolved =
      resolve_environment({.dotenv = {{"DB_PORT", "5432"}},
                           .manifest = {{"MODE", "fast"}, {"URL", "${MODE}:${DB_HOST:-local}"}},
                           .deploy = {{"DB_PORT", "None"}, {"MODE", "null"}, {"DB_HOST", "None"}}});
  EXPECT_EQ(resolved.values,
            (Environment{{"DB_PORT", "5432"}, {"MODE", "fast"}, {"URL", "fast:local"}}));
  EXPECT_EQ(resolved.dropped, (Names{"DB_HOST", "DB_PORT", "MODE"}));
}

TEST(ParseDotenv, TellsOfMalformedKeysButNotOfPiecesOfSecrets) {
  std::vector<std::string> skipped;
  const auto values = parse_dotenv(
      "my-key=1\nGOOD=2\n# a-b=c\nexport X=3\nMIIEvQIBADANBg+k/w==\nc2Vj+mV0==\n1A=b", &skipped);
  EXPECT_EQ(values, (Environment{{"GOOD", "2"}}));
  EXPECT_EQ(skipped, (Names{".env:1: 'my-key' is left out: it is no name of a variable",
                            ".env:4: 'export X' is left out: it is no name of a variable",
                            ".env:5: the line is left out: it is not NAME=value",
                            ".env:6: the line is left out: it is not NAME=value",
                            ".env:7: the line is left out: it is not NAME=value"}));
  skipped.clear();
  std::string many;
  for (std::size_t i = 0; i <= kMaxSkippedVariables; ++i) many += "a-b=1\n";
  parse_dotenv(many, &skipped);
  EXPECT_EQ(skipped.size(), kMaxSkippedVariables);
}

TEST(ResolveEnvironment, DoesNotTouchTheLayersOfTheRuntime) {
  const auto resolved =
      resolve_environment({.base = {{"LANG", "${X}"}}, .owned = {{"BASE_PATH", "${X}"}}});
  EXPECT_EQ(resolved.values.at("LANG"), "${X}");
  EXPECT_EQ(resolved.values.at("BASE_PATH"), "${X}");
}

}  // namespace
}  // namespace pixell::model
