// The manifest of a stranger: it is read, or refused with findings; what was read survives the way
// over JSON on which par-prepare, the store and the API pass it on.

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "apkg/limits.hpp"
#include "apkg/manifest_parser.hpp"
#include "base/check.hpp"
#include "input.hpp"

namespace {

using pixell::model::Manifest;

void check_refused(const pixell::model::Failure& failure) {
  CHECK(failure.cause == pixell::model::Cause::ManifestInvalid, "the cause is the manifest");
  CHECK(!failure.evidence.empty(), "it is told what is wrong");
  CHECK(failure.evidence.size() <= pixell::apkg::kMaxManifestFindings, "but not without end");
  for (const std::string& finding : failure.evidence)
    CHECK(finding.starts_with("agent.yaml:"), "each finding has a place");
}

bool is_within(const std::optional<std::int64_t>& limit, std::int64_t most) {
  return !limit || (*limit >= 0 && *limit <= most);
}

void check_read(const Manifest& manifest) {
  for (const auto& [key, value] : manifest.environment)
    CHECK(!key.empty() && (key + value).find('\0') == std::string::npos, "execve can pass it on");
  CHECK(manifest.sub_agents.size() <= pixell::apkg::kMaxSubAgents, "sub-agents are limited");
  for (const auto& agent : manifest.sub_agents) CHECK(!agent.name.empty(), "each has a name");
  CHECK(!manifest.rest || !manifest.rest->entry.empty(), "REST is there with its entry only");
  CHECK(!manifest.ui || !manifest.ui->path.empty(), "and the UI with its path");
  CHECK(is_within(manifest.limits.memory_mb, pixell::model::kMaxMemoryMb) &&
            is_within(manifest.limits.cpu_milli, pixell::model::kMaxCpus * 1000) &&
            is_within(manifest.limits.processes, pixell::model::kMaxProcesses) &&
            is_within(manifest.limits.disk_mb, pixell::model::kMaxDiskMb),
        "no limit is out of its range");
  const std::string json = pixell::model::to_json(manifest).dump();
  const auto again = pixell::model::manifest_from_json(nlohmann::json::parse(json));
  CHECK(again && pixell::model::to_json(*again).dump() == json, "JSON carries all of it");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto manifest = pixell::apkg::parse_manifest(pixell::fuzz::text_of(data, size));
  if (manifest)
    check_read(*manifest);
  else
    check_refused(manifest.error());
  return 0;
}
