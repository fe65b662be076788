#pragma once

#include <string>

#include "par/boot/prepare_process.hpp"
#include "par/config.hpp"
#include "par/worker/agent_process.hpp"

namespace pixell::par {

/// Where the worker may be and what it is started with.
struct WorkerInput {
  const Config& config;
  const Environment& process_environment;  ///< par's own
  const Prepared& prepared;
  std::string worker_dir;  ///< workers/python; the shims of other languages are beside it
  std::string home, tmp, sockets;
  int number = 0;               ///< of the worker, from 0
  std::uint16_t http_port = 0;  ///< free loopback port for an own server that cannot use a socket
};

/// What is worth a log line about the environment of a worker. Names only, never values.
struct EnvironmentSummary {
  std::string names;  ///< what package, manifest and deployment set, by comma
  std::size_t count = 0;
  std::vector<std::string> unresolved;  ///< placeholders nobody defines
  std::vector<std::string> dropped;     ///< names whose value only breaks programs ("None", "")
  std::vector<std::string> withheld;    ///< names of par's own session (HOME, USER, TMPDIR)
};

struct WorkerStart {
  WorkerPlan plan;
  EnvironmentSummary summary;
};

/// Says how the agent's worker is started. The environment is built for it alone:
///   base (PATH, HOME, LANG, TZ, certificates, proxies) < .env < manifest < par's own environment
///   without PATH and par's variables < what par sets itself (AGENT_APP_ID, ports …).
/// Pure.
WorkerStart plan_worker(const WorkerInput& input);

}  // namespace pixell::par
