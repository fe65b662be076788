#include "par/boot/prepare_process.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "par/config.hpp"

namespace pixell::par {
namespace {

TEST(PrepareSpec, LeavesTimeForTheWorkerAndMostForAnInstallation) {
  for (const auto& [startup_s, install_s] :
       {std::pair{300, 285}, {60, 45}, {15, 11}, {4, 3}, {1, 1}}) {
    Config config;
    config.startup_timeout = Millis(startup_s * 1000);

    const auto spec = nlohmann::json::parse(prepare_spec_json(config, "/work", Programs{}));

    EXPECT_EQ(spec["install_timeout_s"], install_s) << startup_s;
  }
}

TEST(PrepareSpec, NamesTheBaseListAndWhatCameInstalled) {
  const Programs programs{.worker_dir = "/share/workers/python",
                          .environments = "/share/environments"};

  const auto spec = nlohmann::json::parse(prepare_spec_json(Config{}, "/work", programs));

  EXPECT_EQ(spec["base_lock"], "/share/workers/python/base_requirements.lock");
  EXPECT_EQ(spec["shipped_store"], "/share/environments");
}

}  // namespace
}  // namespace pixell::par
