#include "par/observe/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/percent.hpp"

namespace pixell::par {

namespace {

using Environment = std::map<std::string, std::string>;

std::string trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return std::string(text);
}

std::string text_of(const Environment& env, const char* name) {
  const auto found = env.find(name);
  return found == env.end() ? std::string() : trimmed(found->second);
}

std::string lower_of(const Environment& env, const char* name) {
  std::string text = text_of(env, name);
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool is_false(std::string_view text) {
  return text == "false" || text == "0" || text == "no" || text == "off";
}

std::optional<double> ratio_of(const std::string& text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(value >= 0 && value <= 1)) return std::nullopt;
  return value;
}

void read_sampler(const Environment& env, ObserveSettings& settings) {
  std::string name = lower_of(env, "OTEL_TRACES_SAMPLER");
  if (name.empty()) return;
  Sampler sampler;
  const std::string_view kParent = "parentbased_";
  sampler.follows_parent = name.starts_with(kParent);
  if (sampler.follows_parent) name.erase(0, kParent.size());
  if (name == "always_off") {
    sampler.ratio = 0;
  } else if (name == "traceidratio") {
    const std::string argument = text_of(env, "OTEL_TRACES_SAMPLER_ARG");
    const auto ratio = ratio_of(argument);
    if (ratio) sampler.ratio = *ratio;
    if (!ratio && !argument.empty())
      settings.warnings.push_back("OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1; 1 is used");
  } else if (name != "always_on") {
    settings.warnings.push_back("OTEL_TRACES_SAMPLER is not known; parentbased_always_on is used");
    return;
  }
  settings.sampler = sampler;
}

void read_exporter(const Environment& env, ObserveSettings& settings) {
  const char* const kTraces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
  const char* named = text_of(env, kTraces).empty() ? "OTEL_EXPORTER_OTLP_ENDPOINT" : kTraces;
  const std::string endpoint = lower_of(env, named);
  if (endpoint.empty()) return;
  if (lower_of(env, "OTEL_SDK_DISABLED") == "true") return;
  const std::string exporter = lower_of(env, "OTEL_TRACES_EXPORTER");
  if (!exporter.empty() && exporter != "otlp") return;
  std::string protocol = lower_of(env, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL");
  if (protocol.empty()) protocol = lower_of(env, "OTEL_EXPORTER_OTLP_PROTOCOL");
  if (protocol == "grpc") {
    settings.warnings.push_back(
        "OTEL_EXPORTER_OTLP_PROTOCOL is grpc; par exports its spans over HTTP only, so it exports "
        "none");
    return;
  }
  if (!endpoint.starts_with("http://") && !endpoint.starts_with("https://")) {
    settings.warnings.push_back(
        fmt::format("{} must start with http:// or https://; no span is exported", named));
    return;
  }
  settings.exports = true;
  for (const auto& [name, value] : env)
    if (name.starts_with("OTEL_") || name == "SSL_CERT_FILE" || name == "SSL_CERT_DIR")
      settings.exporter_env.emplace(name, value);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_pairs(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    const auto equals = part.find('=');
    if (equals != std::string_view::npos) {
      const auto value = percent_decode(trimmed(part.substr(equals + 1)));
      std::string key = trimmed(part.substr(0, equals));
      if (value && !key.empty()) pairs.emplace_back(std::move(key), *value);
    }
    text.remove_prefix(std::min(text.size(), part.size() + 1));
  }
  return pairs;
}

ObserveSettings read_observe_settings(const Environment& env) {
  ObserveSettings settings;
  settings.has_metrics = !is_false(lower_of(env, "METRICS_ENABLED"));
  read_sampler(env, settings);
  read_exporter(env, settings);
  for (auto& [name, value] : parse_pairs(text_of(env, "OTEL_RESOURCE_ATTRIBUTES")))
    settings.resource[name] = std::move(value);
  settings.service_name = text_of(env, "OTEL_SERVICE_NAME");
  if (const auto named = settings.resource.find("service.name");
      settings.service_name.empty() && named != settings.resource.end())
    settings.service_name = named->second;
  if (settings.service_name.empty()) settings.service_name = text_of(env, "AGENT_APP_ID");
  return settings;
}

}  // namespace pixell::par
