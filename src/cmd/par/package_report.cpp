#include "cmd/par/package_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "model/language.hpp"

namespace pixell::cmd {

namespace {

using nlohmann::json;
using Severity = Finding::Severity;

const char* word_of(Severity severity) { return severity == Severity::Error ? "error" : "warning"; }

std::string counted(std::uint64_t number, const char* noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

void append_finding(std::string& text, const Finding& finding) {
  const model::Failure& failure = finding.failure;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "{:<8} {}{}{}\n", word_of(finding.severity), finding.where,
                 finding.where.empty() ? "" : ": ", failure.message);
  for (const std::string& line : failure.evidence) fmt::format_to(out, "         | {}\n", line);
  fmt::format_to(out, "         {}", model::to_string(failure.cause));
  if (!failure.remedy.empty()) fmt::format_to(out, ": {}", failure.remedy);
  text += '\n';
}

json entries_of(const model::Manifest& manifest) {
  json entries = json::object();
  const auto add = [&entries](const char* key, const std::string& value) {
    if (!value.empty()) entries[key] = value;
  };
  add("entrypoint", manifest.entrypoint);
  add("http_server", manifest.http_server);
  if (manifest.rest) add("rest.entry", manifest.rest->entry);
  if (manifest.a2a) {
    add("a2a.service", manifest.a2a->entry);
    add("a2a.http_server", manifest.a2a->http_server);
  }
  if (manifest.ui) {
    add("ui.path", manifest.ui->path);
    add("ui.basePath", manifest.ui->base_path);
  }
  return entries;
}

json surfaces_of(const model::Manifest& manifest) {
  json surfaces = json::array();
  if (manifest.rest) surfaces.push_back("rest");
  if (manifest.a2a) surfaces.push_back("a2a");
  if (manifest.ui) surfaces.push_back("ui");
  if (!model::own_server_of(manifest).empty()) surfaces.push_back("http_server");
  if (surfaces.empty() && !manifest.entrypoint.empty()) surfaces.push_back("entrypoint");
  return surfaces;
}

json requirements_of(const apkg::Requirements& requirements) {
  json files = json::array();
  for (const apkg::RequirementsFile& file : requirements.files) files.push_back(file.path);
  return {{"files", std::move(files)},
          {"declared", requirements.declared},
          {"needs_build", requirements.needs_build}};
}

json limits_of(const model::LimitsAsked& asked) {
  json limits = json::object();
  if (asked.memory_mb) limits["memory_mb"] = *asked.memory_mb;
  if (asked.cpu_milli) limits["cpus"] = static_cast<double>(*asked.cpu_milli) / 1000;
  if (asked.processes) limits["processes"] = *asked.processes;
  if (asked.disk_mb) limits["disk_mb"] = *asked.disk_mb;
  return limits;
}

// A JSON value as a cell of a table.
std::string cell(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    std::string text;
    for (const json& one : value) text += (text.empty() ? "" : ", ") + cell(one);
    return text;
  }
  return value.dump();
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7f)
      fmt::format_to(std::back_inserter(shown), "\\x{:02x}", static_cast<unsigned>(byte));
    else
      shown += c;
  }
  return shown;
}

std::string validation_text(const CheckedPackage& package) {
  std::string text;
  for (const Severity severity : {Severity::Error, Severity::Warning})
    for (const Finding& finding : package.findings)
      if (finding.severity == severity) append_finding(text, finding);
  fmt::format_to(std::back_inserter(text), "{}: {}, {}, {}\n", package.path,
                 package.errors() == 0 ? "valid" : "not valid", counted(package.errors(), "error"),
                 counted(package.warnings(), "warning"));
  return printable(text);
}

json validation_json(const CheckedPackage& package) {
  json findings = json::array();
  for (const Severity severity : {Severity::Error, Severity::Warning})
    for (const Finding& finding : package.findings) {
      if (finding.severity != severity) continue;
      json one = model::to_json(finding.failure);
      one["severity"] = word_of(severity);
      one["where"] = finding.where;
      findings.push_back(std::move(one));
    }
  return {{"package", package.path},
          {"valid", package.errors() == 0},
          {"errors", package.errors()},
          {"warnings", package.warnings()},
          {"findings", std::move(findings)}};
}

json inspection_json(const CheckedPackage& package) {
  json out = {{"package", package.path},
              {"valid", package.errors() == 0},
              {"errors", package.errors()},
              {"warnings", package.warnings()},
              {"sha256", package.sha256},
              {"packed_bytes", package.packed_bytes},
              {"unpacked_bytes", package.unpacked_bytes},
              {"files", package.files},
              {"requirements", requirements_of(package.requirements)}};
  if (!package.manifest) return out;
  const model::Manifest& manifest = *package.manifest;
  json names = json::array();
  for (const auto& [name, value] : manifest.environment) names.push_back(name);
  json sub_agents = json::array();
  for (const model::Manifest::SubAgent& agent : manifest.sub_agents)
    sub_agents.push_back(agent.name);
  out.update({{"name", manifest.name},
              {"display_name", manifest.display_name},
              {"version", manifest.version},
              {"description", manifest.description},
              {"author", manifest.author},
              {"language", model::to_string(model::language_of(manifest))},
              {"runtime", manifest.runtime},
              {"surfaces", surfaces_of(manifest)},
              {"entries", entries_of(manifest)},
              {"environment", std::move(names)},
              {"sub_agents", std::move(sub_agents)},
              {"limits", limits_of(manifest.limits)}});
  return out;
}

std::string inspection_text(const CheckedPackage& package) {
  const json all = inspection_json(package);
  std::string text;
  const auto row = [&text](std::string_view key, const std::string& value) {
    if (!value.empty()) fmt::format_to(std::back_inserter(text), "{:<16} {}\n", key, value);
  };
  for (const char* key : {"name", "display_name", "version", "description", "author", "language",
                          "runtime", "surfaces"})
    if (all.contains(key)) row(key, cell(all[key]));
  if (all.contains("entries"))
    for (const auto& [key, value] : all["entries"].items()) row(key, cell(value));
  for (const char* key : {"environment", "sub_agents"})
    if (all.contains(key)) row(key, cell(all[key]));
  if (all.contains("limits"))
    for (const auto& [key, value] : all["limits"].items()) row(key, cell(value));
  row("requirements", cell(all["requirements"]["files"]));
  row("declared", cell(all["requirements"]["declared"]));
  row("sha256", package.sha256);
  if (!package.is_directory) row("packed", counted(package.packed_bytes, "byte"));
  row("unpacked", fmt::format("{} in {}", counted(package.unpacked_bytes, "byte"),
                              counted(package.files, "file")));
  row("findings", fmt::format("{}, {}{}", counted(package.errors(), "error"),
                              counted(package.warnings(), "warning"),
                              package.findings.empty() ? "" : " (see `par validate`)"));
  return printable(text);
}

std::string routes_text(const std::vector<RouteLine>& routes) {
  std::size_t width = 0;
  for (const RouteLine& line : routes) width = std::max(width, line.path.size());
  std::string text;
  for (const RouteLine& line : routes)
    fmt::format_to(std::back_inserter(text), "{:<5} {:<{}}  {}\n", line.method, line.path, width,
                   line.goes_to);
  return printable(text);
}

json routes_json(const std::vector<RouteLine>& routes) {
  json out = json::array();
  for (const RouteLine& line : routes)
    out.push_back({{"method", line.method},
                   {"path", line.path},
                   {"route", line.route},
                   {"goes_to", line.goes_to}});
  return out;
}

}  // namespace pixell::cmd
