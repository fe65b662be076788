#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/resources.hpp"

namespace pixell::model {

/// What `agent.yaml` says, after aliases are resolved (a2a.service = a2a.entry). Values only:
/// parsing YAML is apkg's job. An absent optional means the section is not there; an empty section
/// (`a2a:` with no value) is there.
struct Manifest {
  std::string name = "unknown";
  std::string display_name;
  std::string version = "0.0.0";  ///< metadata.version, else top-level version
  std::string description;
  std::string author;
  std::string entrypoint;  ///< "module:function" or empty
  std::string runtime;     ///< "python3.11", or empty
  std::map<std::string, std::string> environment;

  struct A2a {
    std::string entry;        ///< "module:function"; empty = the default service without handlers
    std::string http_server;  ///< "module:object" or empty
  };
  struct Rest {
    std::string entry;  ///< "module:function", or a bare name to be tried both ways
  };
  struct Ui {
    std::string path;  ///< as written in the manifest
    std::string base_path = "/";
  };
  std::optional<A2a> a2a;
  std::optional<Rest> rest;
  std::optional<Ui> ui;
  std::string http_server;  ///< top-level http_server, or empty

  struct SubAgent {
    std::string name, description;
    bool is_public = true;
  };
  std::vector<SubAgent> sub_agents;

  LimitsAsked limits;  ///< `limits`, else `metadata.pixell.resources`

  /// What the file says and was left out: "agent.yaml:3:3: …". No part of the JSON form.
  std::vector<std::string> warnings;
};

nlohmann::json to_json(const Manifest& manifest);
Result<Manifest> manifest_from_json(const nlohmann::json& json);

}  // namespace pixell::model
