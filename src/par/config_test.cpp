#include "par/config.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <ostream>
#include <tuple>

namespace pixell::par {
namespace {

Environment minimal() {
  return {{"AGENT_APP_ID", "test-agent"}, {"PACKAGE_URL", "s3://pixell-agent-packages/a.apkg"}};
}

Environment with(std::string name, std::string value) {
  Environment env = minimal();
  env[std::move(name)] = std::move(value);
  return env;
}

TEST(Config, HasTheDocumentedDefaults) {
  const auto config = parse_config(minimal(), {});

  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->app_id, "test-agent");
  EXPECT_EQ(config->rest_port, 8080);
  EXPECT_EQ(config->a2a_port, 50051);
  EXPECT_EQ(config->ui_port, 3000);
  EXPECT_EQ(config->base_path, "");
  EXPECT_EQ(config->listen_addr, "0.0.0.0");
  EXPECT_TRUE(config->multiplexed);
  EXPECT_EQ(config->max_package_size_mb, 100);
  EXPECT_EQ(config->boot_budget_ms, 5000);
  EXPECT_EQ(config->boot_hard_limit(), Millis(0));
  EXPECT_EQ(config->startup_timeout, Millis(300'000));
  EXPECT_EQ(config->shutdown_grace, Millis(30'000));
  EXPECT_EQ(config->worker_uid, -1);
  EXPECT_FALSE(config->offline);
  EXPECT_TRUE(config->warnings.empty());
}

struct Refused {
  const char* name;
  Environment env;
  const char* error;
};
void PrintTo(const Refused& row, std::ostream* out) { *out << row.name; }

class ConfigRefuses : public testing::TestWithParam<Refused> {};

TEST_P(ConfigRefuses, WithAnErrorThatNamesTheVariable) {
  const auto config = parse_config(GetParam().env, {});

  ASSERT_FALSE(config.has_value());
  ASSERT_EQ(config.error().size(), 1U) << config.error().back();
  EXPECT_NE(config.error()[0].find(GetParam().error), std::string::npos) << config.error()[0];
}

INSTANTIATE_TEST_SUITE_P(
    Table, ConfigRefuses,
    testing::Values(
        Refused{"NoAppId",
                {{"PACKAGE_URL", "https://h/a"}},
                "AGENT_APP_ID environment variable is required"},
        Refused{"EmptyAppId", with("AGENT_APP_ID", ""),
                "AGENT_APP_ID environment variable is required"},
        Refused{"BlankAppId", with("AGENT_APP_ID", "  "),
                "AGENT_APP_ID cannot be empty or whitespace-only"},
        Refused{"SlashAppId", with("AGENT_APP_ID", "a/b"), "one segment"},
        Refused{"OldMode", with("RUNTIME_MODE", "multi-agent"), "pac migrate"},
        Refused{"MaxAgents", with("MAX_AGENTS", "20"), "pac migrate"},
        Refused{"NoPackage", {{"AGENT_APP_ID", "a"}}, "PACKAGE_URL"},
        Refused{"FileUrl", with("PACKAGE_URL", "file:///etc/passwd"), "s3:// or https://"},
        Refused{"HttpUrl", with("PACKAGE_URL", "http://h/a"), "s3:// or https://"},
        Refused{"NoKey", with("PACKAGE_URL", "s3://bucket"), "s3://bucket/key"},
        Refused{"EmptyKey", with("PACKAGE_URL", "s3://bucket/"), "s3://bucket/key"},
        Refused{"NoBucket", with("PACKAGE_URL", "s3:///key"), "s3://bucket/key"},
        Refused{"NoHost", with("PACKAGE_URL", "https://"), "no host"},
        Refused{"ShortSha", with("PACKAGE_SHA256", "abc"), "PACKAGE_SHA256"},
        Refused{"WrongSha", with("PACKAGE_SHA256", std::string(64, 'g')), "PACKAGE_SHA256"},
        Refused{"SizeZero", with("MAX_PACKAGE_SIZE_MB", "0"), "MAX_PACKAGE_SIZE_MB"},
        Refused{"PortZero", with("REST_PORT", "0"), "REST_PORT"},
        Refused{"PortText", with("A2A_PORT", "http"), "A2A_PORT"},
        Refused{"PortHigh", with("UI_PORT", "65536"), "UI_PORT"},
        Refused{"RestIsA2a", with("REST_PORT", "50051"), "REST_PORT and A2A_PORT"},
        Refused{"A2aIsUi", with("UI_PORT", "50051"), "A2A_PORT and UI_PORT"},
        Refused{"DoubleSlash", with("BASE_PATH", "/a//b"), "BASE_PATH"},
        Refused{"OddCharacter", with("BASE_PATH", "/a b"), "BASE_PATH"},
        Refused{"PackageCredentials", with("PACKAGE_CREDENTIALS", "mine"), "PACKAGE_CREDENTIALS"},
        Refused{"BucketName", with("S3_BUCKET", "A"), "S3_BUCKET"},
        Refused{"BudgetZero", with("BOOT_BUDGET_MS", "0"), "BOOT_BUDGET_MS"},
        Refused{"Multiplier", with("BOOT_HARD_LIMIT_MULTIPLIER", "-1"), "MULTIPLIER"},
        Refused{"NotANumber", with("BOOT_BUDGET_MS", "nan"), "BOOT_BUDGET_MS"},
        Refused{"Startup", with("STARTUP_TIMEOUT_SEC", "0"), "STARTUP_TIMEOUT_SEC"},
        Refused{"Listen", with("REST_LISTEN", "8080"), "REST_LISTEN"},
        Refused{"ListenFd", with("REST_LISTEN", "fd:x"), "REST_LISTEN"},
        Refused{"RelativeDir", with("INSTANCE_DIR", "here"), "INSTANCE_DIR"},
        Refused{"RootUid", with("PAR_WORKER_UID", "0"), "PAR_WORKER_UID"},
        Refused{"NoWorkers", with("WORKERS", "0"), "WORKERS must be an integer from 1 to 64"},
        Refused{"WorkersText", with("WORKERS", "auto"), "WORKERS"}),
    [](const auto& row) { return row.param.name; });

TEST(Config, TellsAllErrorsAtOnce) {
  const auto config =
      parse_config({{"REST_PORT", "0"}, {"PACKAGE_URL", "ftp://x"}, {"BASE_PATH", "//"}}, {});

  ASSERT_FALSE(config.has_value());
  EXPECT_EQ(config.error().size(), 4U);
}

struct BasePath {
  const char* given;
  const char* kept;
};

TEST(Config, NormalisesTheBasePath) {
  for (const auto& [given, kept] : {BasePath{"/", ""},
                                    {"", ""},
                                    {" /agents/x ", "/agents/x"},
                                    {"agents/x", "/agents/x"},
                                    {"/agents/x/", "/agents/x"}}) {
    const auto config = parse_config(with("BASE_PATH", given), {});
    ASSERT_TRUE(config.has_value()) << given;
    EXPECT_EQ(config->base_path, kept) << given;
  }
}

TEST(Config, OnlyWarnsAboutWhatIsHarmless) {
  for (const auto& [name, value] : {std::pair{"MULTIPLEXED", "maybe"},
                                    {"AWS_REGION", "moon"},
                                    {"MAX_PACKAGE_SIZE_MB", "20000"},
                                    {"PACKAGE_URL", "s3://other/key"}}) {
    const auto config = parse_config(with(name, value), {});
    ASSERT_TRUE(config.has_value()) << name;
    EXPECT_EQ(config->warnings.size(), 1U) << name;
  }
  EXPECT_TRUE(parse_config(with("AWS_REGION", "us-east-2"), {})->warnings.empty());
}

TEST(Config, TakesTheSeedsLocalExampleWordForWord) {
  const auto config = parse_config(
      {{"AGENT_APP_ID", "test-agent"}, {"PACKAGE_URL", "s3://pixell-agent-packages/test.apkg"}},
      {.package_path = "/path/to/local/package.apkg", .listen_addr = "127.0.0.1"});

  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->package_path, "/path/to/local/package.apkg");
  EXPECT_EQ(config->listen_addr, "127.0.0.1");
}

TEST(Config, SharesThePortOfRestAndUiWhenMultiplexed) {
  EXPECT_TRUE(parse_config(with("UI_PORT", "8080"), {}).has_value());
  Environment apart = with("UI_PORT", "8080");
  apart["MULTIPLEXED"] = "off";
  EXPECT_FALSE(parse_config(apart, {}).has_value());
}

TEST(Config, ReadsListsAndDigestsWithoutCase) {
  Environment env = with("PACKAGE_URL_ALLOW_HOSTS", "localhost, 10.0.0.7:9000 ,");
  env["PACKAGE_SHA256"] = std::string(64, 'A');
  const auto config = parse_config(env, {});

  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->allow_hosts, (std::vector<std::string>{"localhost", "10.0.0.7:9000"}));
  EXPECT_EQ(config->package_sha256, std::string(64, 'a'));
}

TEST(Config, PutsTheEnvironmentStoreIntoTheCacheHome) {
  Environment env = minimal();
  env["HOME"] = "/home/ann";
  EXPECT_EQ(parse_config(env, {})->env_store_dir, "/home/ann/.cache/pixell/environments");
  env["XDG_CACHE_HOME"] = "/cache";
  EXPECT_EQ(parse_config(env, {})->env_store_dir, "/cache/pixell/environments");
  env["ENV_STORE_DIR"] = "/store";
  EXPECT_EQ(parse_config(env, {})->env_store_dir, "/store");
}

TEST(Config, KnowsWhichVariablesAreItsOwn) {
  EXPECT_TRUE(is_par_variable("PACKAGE_URL"));
  EXPECT_TRUE(is_par_variable("INSTANCE_DIR"));
  EXPECT_TRUE(is_par_variable("METRICS_ENABLED"));
  EXPECT_FALSE(is_par_variable("AWS_REGION"));
  EXPECT_FALSE(is_par_variable("S3_BUCKET"));
  EXPECT_FALSE(is_par_variable("OPENAI_API_KEY"));
}

}  // namespace
}  // namespace pixell::par
