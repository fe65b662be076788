#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/boot_report.hpp"
#include "model/manifest.hpp"
#include "par/phase.hpp"

namespace pixell::par {

class Agent;
class UiFiles;

/// What the surfaces know of the one agent. The runtime owns it and changes it on the loop; the
/// surfaces only read.
struct AgentView {
  std::string app_id;
  std::string base_path;  ///< B: without trailing slash, empty for "/"
  bool multiplexed = true;
  std::uint16_t ui_port = 0;

  Phase phase = Phase::Configure;
  bool is_ready = false;  ///< what health says
  bool is_open = false;   ///< surfaces answer: from the first ready until the end, drain included

  /// Set once the package was prepared, and kept.
  std::optional<model::Manifest> manifest;
  UnixMillis loaded_at = 0;
  std::string ui_base;          ///< ui.basePath without trailing slash, empty for "/"
  UiFiles* ui_files = nullptr;  ///< null when there is no UI
  bool needs_worker = false;
  bool has_rest = false;                 ///< the agent has a REST application
  bool has_http_server = false;          ///< the agent has an HTTP server of its own
  bool has_a2a_http = false;             ///< par answers A2A over HTTP for the agent
  bool has_entrypoint = false;           ///< the manifest's entrypoint can be called
  std::vector<std::string> rest_claims;  ///< what Hello::rest_claims says

  /// Set when ready for the first time.
  double boot_ms = 0;
  std::vector<model::BootPhase> boot_phases;

  model::BootLimits limits;  ///< in force for the agent

  Agent* agent = nullptr;  ///< lives as long as the view
};

/// Takes what the package says about the surfaces.
void describe_surfaces(AgentView& view, model::Manifest manifest, UnixMillis now);

/// Which surfaces the package configures. REST always is (built-in endpoints).
bool has_a2a(const AgentView& view);
bool has_ui(const AgentView& view);

/// True when the agent's own code can be called, or there is none.
bool is_agent_up(const AgentView& view);

/// True when the agent serves its gRPC methods itself, and can be called.
bool is_servicer_up(const AgentView& view);

}  // namespace pixell::par
