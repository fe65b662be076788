#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "apkg/checked.hpp"
#include "par/prepare/version_range.hpp"

namespace pixell::prepare {

/// A Node.js, asked once who it is.
struct NodeInterpreter {
  std::string path;     ///< realpath of process.execPath
  std::string version;  ///< "20.11.1"
  int major = 0;
  std::string platform;  ///< "linux-x64"
  std::string abi;       ///< version of the interface that native modules are built for
};

/// What a manifest's runtime asks for ("node20", "node>=18,<21"). Only major versions count: of a
/// bound within one ("<20.5") all of it is let in.
VersionRange wanted_node(std::string_view runtime);

/// Finds a Node.js: $PAR_NODE when set, else /usr/bin, /usr/local/bin and PATH. The same major
/// version as the manifest's runtime is preferred, a newer one within its range will do, an older
/// one will not. One that user `worker_uid` (-1 = ours) cannot reach is passed over. WrongRuntime
/// names what was looked for and what was found.
apkg::Checked<NodeInterpreter> find_node(std::string_view runtime, std::int64_t worker_uid,
                                         const std::map<std::string, std::string>& env);

/// What Node.js and npm need of an environment, and nothing that makes them load code: PATH with
/// the interpreter first, proxies, certificates, tokens of the registry.
std::map<std::string, std::string> node_environment(const std::map<std::string, std::string>& env,
                                                    const std::string& interpreter);

}  // namespace pixell::prepare
