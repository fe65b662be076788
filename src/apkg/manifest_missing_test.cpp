#include "apkg/manifest_missing.hpp"

#include <gtest/gtest.h>

#include "apkg/limits.hpp"
#include "apkg/testing/directory_test.hpp"

namespace pixell::apkg {
namespace {

using model::Cause;

TEST(ManifestMissing, NamesTheFolderThatWasZippedWithItsContents) {
  const model::Failure failure =
      manifest_missing({"mine/vendor/other/agent.yaml", "mine/agent.yaml", "mine/routes.py"});

  EXPECT_EQ(failure.cause, Cause::ManifestMissing);
  EXPECT_EQ(failure.message, "Missing agent.yaml manifest");
  EXPECT_EQ(failure.evidence, std::vector<std::string>{"it lies at \"mine/agent.yaml\""});
  EXPECT_TRUE(failure.remedy.starts_with("Zip what is in the folder \"mine\"")) << failure.remedy;
}

TEST(ManifestMissing, NamesAFileWithAlmostTheName) {
  for (const char* name : {"agent.yml", "Agent.yaml", "AGENT.YML", "agent.yaml.txt"}) {
    const model::Failure failure = manifest_missing({name, "deep/agent.yaml"});
    EXPECT_EQ(failure.remedy, std::string("Rename \"") + name + "\" to \"agent.yaml\".");
  }
}

TEST(ManifestMissing, ElseSaysWhatTheRootHas) {
  EXPECT_EQ(manifest_missing({"b.py", "a/x", "a/y"}).evidence,
            std::vector<std::string>{"the root has: a/, b.py"});
  EXPECT_EQ(manifest_missing({}).evidence, std::vector<std::string>{"the root has: nothing"});
  EXPECT_EQ(manifest_missing({}).remedy, "Put agent.yaml at the root of the package.");
  std::vector<std::string> many;
  for (char c = 'a'; c <= 'z'; ++c) many.emplace_back(1, c);
  EXPECT_TRUE(manifest_missing(many).evidence.front().ends_with("i, j, …"));
}

class FilesNearRoot : public testing::DirectoryTest {};

TEST_F(FilesNearRoot, FindsTheFirstFoldersOnlyAndNotTooMany) {
  write("a/b/agent.yaml", "");
  write("a/b/c/deep", "");
  write("top", "");
  EXPECT_EQ(files_near_root(root_), (std::vector<std::string>{"a/b/agent.yaml", "top"}));
  for (std::size_t i = 0; i < kMaxManifestNeighbours; ++i) write("n" + std::to_string(i), "");
  EXPECT_EQ(files_near_root(root_).size(), kMaxManifestNeighbours);
  EXPECT_TRUE(files_near_root(root_ / "gone").empty());
}

}  // namespace
}  // namespace pixell::apkg
