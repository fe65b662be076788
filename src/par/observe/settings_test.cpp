#include "par/observe/settings.hpp"

#include <gtest/gtest.h>

namespace pixell::par {
namespace {

constexpr const char* kEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

TEST(ObserveSettings, AreQuietByDefault) {
  const auto settings = read_observe_settings({{"AGENT_APP_ID", "a1"}});

  EXPECT_TRUE(settings.has_metrics);
  EXPECT_FALSE(settings.exports);
  EXPECT_TRUE(settings.sampler.follows_parent);
  EXPECT_EQ(settings.sampler.ratio, 1);
  EXPECT_EQ(settings.service_name, "a1");
  EXPECT_TRUE(settings.warnings.empty());
}

TEST(ObserveSettings, ExportWhenACollectorIsNamed) {
  const auto settings = read_observe_settings({{kEndpoint, "http://c:4318"},
                                               {"OTEL_EXPORTER_OTLP_HEADERS", "authorization=x"},
                                               {"OTEL_SERVICE_NAME", "shop"},
                                               {"OTEL_RESOURCE_ATTRIBUTES", "team=a%20b,bad"},
                                               {"SSL_CERT_FILE", "/ca"},
                                               {"DB_PASSWORD", "x"}});

  EXPECT_TRUE(settings.exports);
  EXPECT_EQ(settings.service_name, "shop");
  EXPECT_EQ(settings.resource, (std::map<std::string, std::string>{{"team", "a b"}}));
  EXPECT_TRUE(settings.exporter_env.contains("OTEL_EXPORTER_OTLP_HEADERS"));
  EXPECT_TRUE(settings.exporter_env.contains("SSL_CERT_FILE"));
  EXPECT_FALSE(settings.exporter_env.contains("DB_PASSWORD"));
}

TEST(ObserveSettings, AreTurnedOffByTheirVariables) {
  EXPECT_FALSE(read_observe_settings({{"METRICS_ENABLED", "False"}}).has_metrics);
  EXPECT_FALSE(
      read_observe_settings({{kEndpoint, "http://c"}, {"OTEL_SDK_DISABLED", "true"}}).exports);
  EXPECT_FALSE(
      read_observe_settings({{kEndpoint, "http://c"}, {"OTEL_TRACES_EXPORTER", "none"}}).exports);
}

TEST(ObserveSettings, WarnOfWhatCannotBe) {
  for (const auto& env : std::vector<std::map<std::string, std::string>>{
           {{kEndpoint, "http://c"}, {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}},
           {{kEndpoint, "c:4318"}},
           {{"OTEL_TRACES_SAMPLER", "coin"}},
           {{"OTEL_TRACES_SAMPLER", "traceidratio"}, {"OTEL_TRACES_SAMPLER_ARG", "2"}}}) {
    const auto settings = read_observe_settings(env);

    EXPECT_EQ(settings.warnings.size(), 1U);
    EXPECT_FALSE(settings.exports);
  }
}

struct SamplerRow {
  const char* name;
  const char* argument;
  bool follows_parent;
  double ratio;
};
class Samplers : public testing::TestWithParam<SamplerRow> {};

TEST_P(Samplers, AreKnownByName) {
  const auto settings = read_observe_settings(
      {{"OTEL_TRACES_SAMPLER", GetParam().name}, {"OTEL_TRACES_SAMPLER_ARG", GetParam().argument}});

  EXPECT_EQ(settings.sampler.follows_parent, GetParam().follows_parent);
  EXPECT_EQ(settings.sampler.ratio, GetParam().ratio);
  EXPECT_TRUE(settings.warnings.empty());
}

INSTANTIATE_TEST_SUITE_P(All, Samplers,
                         testing::Values(SamplerRow{"always_on", "", false, 1},
                                         SamplerRow{"always_off", "", false, 0},
                                         SamplerRow{"traceidratio", "0.25", false, 0.25},
                                         SamplerRow{"parentbased_always_on", "", true, 1},
                                         SamplerRow{"parentbased_always_off", "", true, 0},
                                         SamplerRow{"parentbased_traceidratio", "0.5", true, 0.5}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace pixell::par
