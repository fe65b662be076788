#include "base/log.hpp"
#include "base/process.hpp"
#include "cmd/pac/command_line.hpp"
#include "cmd/pac/role_life.hpp"
#include "engine/local/node/node.hpp"

namespace {

using namespace pixell;

int run_node(const cmd::RoleOptions& role) {
  const Log log = Log().with("role", "node");
  const auto environment = own_environment();
  const auto par = engine::node::find_par_program(environment);
  if (!par) {
    log.error("Node cannot run", {{"error", par.error().message}});
    return 1;
  }
  const auto life = cmd::RoleLife::begin("node", role);
  if (!life) {
    log.error("Node cannot run", {{"error", life.error().message}});
    return 1;
  }
  const cmd::LifeLine& line = (*life)->line();
  return engine::node::run_node({.state_dir = role.state_dir,
                                 .par_program = *par,
                                 .environment = environment,
                                 .on_ready = [&line] { line.ready(); },
                                 .on_tick = [&line] { line.beat(0); }},
                                log);
}

}  // namespace

int main(int argc, char** argv) {
  return cmd::run_command_line(argc, argv,
                               {.serve = cmd::run_serve,
                                .control = cmd::run_control,
                                .edge = cmd::run_edge,
                                .node = run_node});
}
