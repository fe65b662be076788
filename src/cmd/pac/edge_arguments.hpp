#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "cmd/pac/edge.hpp"

// The command `pac edge`, and what `pac serve` has in common with it.

namespace pixell::cmd {

/// `edge`: a role that `pac serve` starts, an edge by itself that a remote control gives its routes
/// (--control), and the place of `edge explain`. `run` gets the edge that is to run.
void add_edge_command(CLI::App& app, int& exit_code,
                      const std::function<int(const EdgeOptions&)>& run);

/// Where the options of add_edge_names() go.
struct EdgeNames {
  std::vector<std::string>& domains;
  std::string& access_log;
};
/// --domain and --access-log.
void add_edge_names(CLI::App& app, EdgeNames names, const char* group);

/// What `pac serve` hands on to the edge: the same options for both.
template <class Options>
void add_edge_settings(CLI::App& app, Options& options, const char* group) {
  app.add_option("--trusted-proxy", options.trusted_proxies,
                 "Address or network (10.0.0.0/8) of a proxy whose X-Forwarded-* and Forwarded are "
                 "continued, or unix; may be repeated. From others they are replaced")
      ->group(group);
  app.add_option("--max-exchanges", options.max_exchanges,
                 "Requests to agents under way in one edge thread; more are 503")
      ->capture_default_str()
      ->check(CLI::PositiveNumber)
      ->group(group);
  app.add_option("--shed-after-ms", options.shed_after_ms,
                 "Shed requests to agents while an edge thread stays behind its events by so many "
                 "milliseconds; 0 turns it off")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber)
      ->group(group);
}

}  // namespace pixell::cmd
