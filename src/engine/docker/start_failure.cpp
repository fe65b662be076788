#include "engine/docker/start_failure.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace pixell::engine::docker {

using model::Cause;

namespace {

struct Known {
  std::string_view text;  ///< in Docker's message
  Cause cause;
  std::string_view message;
  std::string_view remedy;
};

constexpr std::string_view kImageRemedy =
    "Build it with scripts/deploy_par.sh or pull it, or name another one with --docker-image.";
constexpr std::string_view kPortRemedy =
    "Free a port of the range, or name a wider one with --docker-publish.";

constexpr std::array kKnown = {
    Known{"no space left on device", Cause::DiskFull, "the Docker daemon's disk is full",
          "Free space where `docker info` shows its Docker Root Dir, for example with `docker "
          "system prune`."},
    Known{"port is already allocated", Cause::PortNotBound, "no port to publish is free",
          kPortRemedy},
    Known{"address already in use", Cause::PortNotBound, "no port to publish is free", kPortRemedy},
    Known{"all ports are allocated", Cause::PortNotBound, "no port to publish is free",
          kPortRemedy},
    Known{"exec format error", Cause::WrongArchitecture,
          "the image's program is not for this machine's processor",
          "Build the image for this machine, or name another one with --docker-image."},
    Known{"No such image", Cause::ImageNotFound, "the image is gone", kImageRemedy},
    Known{"non-overlapping IPv4 address pool", Cause::EngineFailed,
          "Docker has no address range left for another network",
          "Give it more in default-address-pools of its daemon.json; each app needs one network."},
};

}  // namespace

std::optional<model::Failure> start_failure(const Error& error) {
  for (const Known& known : kKnown)
    if (error.message.find(known.text) != std::string::npos)
      return model::make_failure(known.cause, std::string(known.message), {error.message},
                                 std::string(known.remedy));
  return {};
}

model::Failure image_missing(const std::string& image) {
  return model::make_failure(Cause::ImageNotFound,
                             fmt::format("the Docker daemon has no image {}", image), {},
                             std::string(kImageRemedy));
}

model::Failure image_for_other_processor(const std::string& image, const std::string& image_arch,
                                         const std::string& machine_arch) {
  return model::make_failure(
      Cause::WrongArchitecture,
      fmt::format("the image {} is for {}, the Docker daemon's machine is {}", image, image_arch,
                  machine_arch),
      {}, "Build the image for this machine, or name another one with --docker-image.");
}

}  // namespace pixell::engine::docker
