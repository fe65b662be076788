#include "par/surface/agent_view.hpp"

#include <utility>

#include "model/language.hpp"
#include "par/worker/agent.hpp"

namespace pixell::par {

void describe_surfaces(AgentView& view, model::Manifest manifest, UnixMillis now) {
  view.loaded_at = now;
  view.has_rest = manifest.rest.has_value();
  view.has_http_server = !model::own_server_of(manifest).empty();
  view.has_a2a_http = manifest.a2a && !view.has_http_server;
  // Programs and Node servers that are an entrypoint are own servers; a function is called.
  view.has_entrypoint = !manifest.entrypoint.empty() && !view.has_http_server &&
                        model::language_of(manifest) != model::Language::Executable;
  view.needs_worker = model::needs_worker(manifest);
  if (manifest.ui) {
    view.ui_base = manifest.ui->base_path;
    while (view.ui_base.ends_with('/')) view.ui_base.pop_back();
    if (!view.ui_base.empty() && view.ui_base.front() != '/') view.ui_base.insert(0, "/");
  }
  view.manifest = std::move(manifest);
}

bool has_a2a(const AgentView& view) { return view.manifest && view.manifest->a2a; }

bool has_ui(const AgentView& view) { return view.manifest && view.manifest->ui; }

bool is_agent_up(const AgentView& view) { return !view.needs_worker || view.agent->is_up(); }

bool is_servicer_up(const AgentView& view) {
  return view.needs_worker && view.agent->is_up() && view.agent->hello().a2a == A2aKind::Servicer;
}

}  // namespace pixell::par
