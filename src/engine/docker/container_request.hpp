#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/instance_spec.hpp"

namespace pixell::engine::docker {

// Labels by which what is ours is known and adopted.
inline constexpr const char* kInstallationLabel = "ai.pixell.installation";
inline constexpr const char* kInstanceLabel = "ai.pixell.instance";
inline constexpr const char* kAppLabel = "ai.pixell.app";
inline constexpr const char* kRevisionLabel = "ai.pixell.revision";
inline constexpr const char* kSpecLabel = "ai.pixell.spec";  ///< digest of the InstanceSpec
inline constexpr const char* kMemoryLabel = "ai.pixell.memory-mb";
/// On the generic image itself; see images/par.
inline constexpr const char* kImageLabel = "ai.pixell.image=par";

/// Where par listens inside its container.
inline constexpr int kRestPort = 8080;
inline constexpr const char* kRestPortName = "8080/tcp";

// Where things are inside a container.
inline constexpr const char* kInstancePlace = "/var/lib/pixell/instance";
inline constexpr const char* kEnvironmentsPlace = "/var/lib/pixell/environments";
inline constexpr const char* kStatePlace = "/var/lib/pixell/state";
inline constexpr const char* kPackagePlace = "/var/lib/pixell/package.apkg";
inline constexpr const char* kSecretsPlace = "/run/pixell";
inline constexpr const char* kCertificatesPlace = "/etc/pixell/certificates.crt";
inline constexpr const char* kWheelhousePlace = "/opt/wheelhouse";
inline constexpr const char* kEnvironmentFile = "environment.json";

/// Where an instance's things are on this machine.
struct HostPlaces {
  std::filesystem::path instance;        ///< par's reports and the agent's work
  std::filesystem::path environments;    ///< installed dependencies of the app
  std::filesystem::path state;           ///< lasting state of the app
  std::filesystem::path package;         ///< the .apkg
  std::filesystem::path secrets;         ///< in memory; has the environment file
  std::filesystem::path certificates{};  ///< to trust; empty = the image's
  std::filesystem::path wheelhouse{};    ///< wheels to install from; empty = none
};

/// Everything a container is made of besides the spec.
struct ContainerSetting {
  std::string installation;  ///< mark of the installation
  std::string image_id;      ///< digest of the image: "sha256:…"
  HostPlaces places;
  uid_t user = 0;             ///< of the container's processes
  std::string publish_host;   ///< address to publish par's port on; empty = not published
  std::string publish_ports;  ///< "20000-20999"; empty = any
};

/// The name of an instance's container, and of an app's network.
std::string container_name(const std::string& instance_id);
std::string network_name(const std::string& installation, const std::string& app_id);

/// Digest of a spec: 16 hex characters, equal for equal specs. It is shown in a label, so it is
/// made without the values of the deploy-time environment: those of one revision never change.
std::string spec_digest(const InstanceSpec& spec);

/// The body of `POST /containers/create`: limits of CPU, memory and processes, a read-only root, no
/// capability, no new privileges, Docker's default seccomp profile, and no deploy-time value (those
/// are in the environment file).
nlohmann::json container_request(const InstanceSpec& spec, const ContainerSetting& setting);

/// The body of `POST /networks/create` for an app.
nlohmann::json network_request(const std::string& installation, const std::string& app_id);

/// The environment file as one JSON object: the deploy-time values, and what `own` (the environment
/// of pac) says about proxies, indexes and the time zone, which may hold passwords too.
nlohmann::json environment_document(const InstanceSpec& spec,
                                    const std::map<std::string, std::string>& own);

}  // namespace pixell::engine::docker
