// `pac node` without the command line around it, for tests that kill it.
// Arguments: state directory, par program, root of the control groups.

#include "base/log.hpp"
#include "base/process.hpp"
#include "engine/local/node/node.hpp"
#include "engine/local/node/par_environment.hpp"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  return pixell::engine::node::run_node({.state_dir = argv[1],
                                         .par_program = argv[2],
                                         .environment = pixell::own_environment(),
                                         .cgroup_root = argv[3]},
                                        pixell::Log().with("role", "node"));
}
