#include "cmd/par/package_commands.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apkg/testing/directory_test.hpp"
#include "apkg/testing/zip_writer.hpp"

namespace pixell::cmd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class PackageCommands : public apkg::testing::DirectoryTest {
 protected:
  json validated(const fs::path& package, int exit_code) const {
    const auto result = run_package_command({"validate", package.string(), "--json"});
    EXPECT_EQ(result.exit_code, exit_code) << result.out << result.err;
    const json out = json::parse(result.out, nullptr, false);
    EXPECT_TRUE(out.is_object()) << result.out;
    return out;
  }

  // "cause where" of each finding, in order.
  static std::vector<std::string> told(const json& out) {
    std::vector<std::string> lines;
    for (const json& finding : out["findings"])
      lines.push_back(finding["cause"].get<std::string>() + " " +
                      finding["where"].get<std::string>());
    return lines;
  }

  fs::path good() const {
    write("good/agent.yaml",
          "name: My agent\nversion: \"1.2\"\nrest:\n  entry: src.api:mount\nui:\n  path: ui\n"
          "environment:\n  KEY: hidden-value\n");
    write("good/src/api.py", "def mount(app):\n    pass\n");
    write("good/ui/index.html", "<html></html>");
    write("good/requirements.txt", "httpx>=0.27\n");
    return root_ / "good";
  }
};

TEST_F(PackageCommands, FindNothingWrongWithAGoodPackage) {
  const json out = validated(good(), 0);

  EXPECT_EQ(out["valid"], true);
  EXPECT_EQ(told(out), std::vector<std::string>{});
}

TEST_F(PackageCommands, TellAllFindingsAtOnce) {
  write("bad/agent.yaml",
        "name: bad\nruntime: go1.21\nrest:\n  entry: src.nothing:mount\na2a:\n"
        "  service: src.here:absent\nui:\n  path: ui\n");
  write("bad/src/here.py", "def present(): pass\n");
  write("bad/requirements.txt", "ok\nbroken=1\n");
  fs::create_symlink("/etc/passwd", root_ / "bad/link");

  EXPECT_EQ(told(validated(root_ / "bad", 1)),
            (std::vector<std::string>{
                "unsafe_archive ", "dependency_failed requirements.txt:2",
                "missing_module agent.yaml:4:10", "wrong_runtime agent.yaml:2:10",
                "manifest_invalid agent.yaml:8:9", "handler_missing agent.yaml:6:12"}));
}

TEST_F(PackageCommands, TellLinesOfTheManifestAndEntriesOfTheArchiveTogether) {
  apkg::testing::ZipWriter writer;
  writer.add("agent.yaml", "name: [1]\nrest:\n  entry: \":x\"\n").add("../evil", "x");
  writer.add("/etc/x", "x");

  EXPECT_EQ(told(validated(write("p.apkg", writer.bytes()), 1)),
            (std::vector<std::string>{"unsafe_archive ", "unsafe_archive ",
                                      "manifest_invalid agent.yaml:1:7",
                                      "manifest_invalid agent.yaml:3:10"}));
}

TEST_F(PackageCommands, TakeAModuleOfADependencyForPossible) {
  write("a/agent.yaml", "name: a\nrest:\n  entry: my_lib.app:mount\n");
  write("a/requirements.txt", "My-Lib==1.0\n");

  const json out = validated(root_ / "a", 0);

  EXPECT_EQ(told(out), std::vector<std::string>{"missing_module agent.yaml:3:10"});
  EXPECT_EQ(out["warnings"], 1);
}

TEST_F(PackageCommands, SayWhatAPackageIsButNoValues) {
  const auto result = run_package_command({"inspect", good().string(), "--json"});

  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out.find("hidden-value"), std::string::npos);
  const json out = json::parse(result.out);
  EXPECT_EQ(out["name"], "My agent");
  EXPECT_EQ(out["version"], "1.2");
  EXPECT_EQ(out["surfaces"], (json{"rest", "ui"}));
  EXPECT_EQ(out["entries"]["rest.entry"], "src.api:mount");
  EXPECT_EQ(out["environment"], json::array({"KEY"}));
  EXPECT_EQ(out["requirements"]["files"], json::array({"requirements.txt"}));
  EXPECT_EQ(out["files"], 4);
}

TEST_F(PackageCommands, PackTheSameBytesAgainAndTheyAreValid) {
  const std::string first = (root_ / "1.apkg").string(), second = (root_ / "2.apkg").string();

  const auto one = run_package_command({"pack", good().string(), "-o", first, "--json"});
  const auto two = run_package_command({"pack", good().string(), "--output=" + second});

  ASSERT_EQ(one.exit_code, 0) << one.err;
  ASSERT_EQ(two.exit_code, 0) << two.err;
  EXPECT_EQ(content_of(first), content_of(second));
  const std::string digest = json::parse(one.out)["sha256"];
  EXPECT_NE(two.out.find(digest), std::string::npos);
  EXPECT_EQ(validated(first, 0)["valid"], true);
  EXPECT_EQ(json::parse(run_package_command({"inspect", first, "--json"}).out)["sha256"], digest);
}

TEST_F(PackageCommands, DoNotPackWhatIsNotValid) {
  write("bad/agent.yaml", "name: bad\nrest:\n  entry: nothing:mount\n");

  const auto result =
      run_package_command({"pack", (root_ / "bad").string(), "-o", (root_ / "p.apkg").string()});

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("missing_module"), std::string::npos);
  EXPECT_FALSE(fs::exists(root_ / "p.apkg"));
}

TEST_F(PackageCommands, SayWhyNothingCouldBeLookedAt) {
  EXPECT_EQ(run_package_command({"validate", (root_ / "nothing").string()}).exit_code, 2);
  EXPECT_EQ(run_package_command({"validate"}).exit_code, 2);
  EXPECT_EQ(run_package_command({"pack", good().string(), "-o"}).exit_code, 2);
  EXPECT_EQ(run_package_command({"fly", good().string()}).exit_code, 2);
  EXPECT_NE(run_package_command({"validate", good().string(), "--fast"}).err.find("'--fast'"),
            std::string::npos);
}

}  // namespace
}  // namespace pixell::cmd
