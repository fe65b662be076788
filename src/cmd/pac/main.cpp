#include "base/log.hpp"
#include "base/process.hpp"
#include "cmd/pac/command_line.hpp"
#include "engine/local/node/node.hpp"

namespace {

using namespace pixell;

int run_node(const std::filesystem::path& state_dir) {
  const Log log = Log().with("role", "node");
  const auto environment = own_environment();
  const auto par = engine::node::find_par_program(environment);
  if (!par) {
    log.error("Node cannot run", {{"error", par.error().message}});
    return 1;
  }
  return engine::node::run_node(
      {.state_dir = state_dir, .par_program = *par, .environment = environment}, log);
}

}  // namespace

int main(int argc, char** argv) {
  return cmd::run_command_line(argc, argv,
                               {.serve = cmd::run_serve,
                                .control = cmd::run_control,
                                .edge = cmd::run_edge,
                                .node = run_node});
}
