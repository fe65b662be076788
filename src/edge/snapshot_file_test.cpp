#include "edge/snapshot_file.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pixell::edge {
namespace {

model::RouteSnapshot sample() {
  return {
      .generation = 42,
      .routes = {
          {.app_id = "a",
           .short_id = "abcdefgh",
           .name = "n",
           .description = "",
           .version = "1",
           .legs = {
               {.revision = 1, .weight_permille = 1000, .tag = "", .addresses = {"unix:/x"}}}}}};
}

TEST(SnapshotFile, ReadsBackWhatWasWritten) {
  const auto back = decode_snapshot_file(encode_snapshot_file(sample()));

  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->generation, 42);
  EXPECT_EQ(back->routes.at(0).legs.at(0).addresses.at(0), "unix:/x");
}

TEST(SnapshotFile, KeepsTagsWeightsAndStickiness) {
  model::RouteSnapshot split = sample();
  split.routes[0].legs = {
      {.revision = 1, .weight_permille = 900, .tag = "", .addresses = {"unix:/x"}},
      {.revision = 2, .weight_permille = 100, .tag = "next", .addresses = {"unix:/y"}}};
  split.routes[0].sticky = {.by = model::StickyBy::Cookie, .name = "who"};

  const auto back = decode_snapshot_file(encode_snapshot_file(split));

  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(model::to_json(*back), model::to_json(split));
}

TEST(SnapshotFile, RefusesEveryTruncationAndEveryFlippedByte) {
  const std::string good = encode_snapshot_file(sample());
  for (std::size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(decode_snapshot_file(good.substr(0, i))) << "cut at " << i;
    std::string flipped = good;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    EXPECT_FALSE(decode_snapshot_file(flipped)) << "flipped at " << i;
  }
}

TEST(SnapshotFile, TellsAnAbsentFileFromADamagedOne) {
  const auto absent = load_snapshot("/nonexistent/routes");

  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace pixell::edge
