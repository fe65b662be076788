#include "apkg/archive_writer.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <utime.h>

#include <cstdlib>

#include "apkg/pack_ignore.hpp"
#include "apkg/testing/directory_test.hpp"
#include "apkg/testing/zip_writer.hpp"

namespace pixell::apkg {
namespace {

namespace fs = std::filesystem;
using model::Cause;

class ArchiveWriter : public testing::DirectoryTest {
 protected:
  std::vector<std::string> listed() const {
    const auto list = list_package_files(root_ / "agent");
    EXPECT_TRUE(list) << list.error().message;
    std::vector<std::string> paths;
    if (list)
      for (const PackFile& file : list->files) paths.push_back(file.path);
    return paths;
  }

  std::string packed(const std::string& name) const {
    const auto list = list_package_files(root_ / "agent", root_ / name);
    EXPECT_TRUE(list) << list.error().message;
    const auto written = write_archive(root_ / "agent", *list, root_ / name);
    EXPECT_TRUE(written) << written.error().message;
    return content_of(root_ / name);
  }
};

TEST_F(ArchiveWriter, MakesTheSameBytesWhateverTimeAndZoneItIs) {
  write("agent/agent.yaml", "name: a\n");
  write("agent/src/b.py", "print()\n");
  write("agent/src/a.py", std::string(100'000, 'x'));
  ::setenv("TZ", "Asia/Seoul", 1);
  const std::string first = packed("first.apkg");
  const utimbuf long_ago{1'000'000'000, 1'000'000'000};
  ASSERT_EQ(::utime((root_ / "agent/src/a.py").c_str(), &long_ago), 0);
  ::setenv("TZ", "America/Lima", 1);

  const std::string second = packed("second.apkg");

  ::unsetenv("TZ");
  EXPECT_EQ(first, second);
  EXPECT_LT(first.size(), 2'000U);
}

TEST_F(ArchiveWriter, MakesWhatUnpacksToTheSameFiles) {
  write("agent/agent.yaml", "name: a\n");
  write("agent/empty.txt", "");
  ::chmod(write("agent/bin/run", "#!/bin/sh\n").c_str(), 0700);
  packed("p.apkg");

  const auto listing = unpack_archive(root_ / "p.apkg", root_ / "out");

  ASSERT_TRUE(listing) << listing.error().message;
  EXPECT_EQ(listing->entries.size(), 3U);
  EXPECT_EQ(content_of(root_ / "out/agent.yaml"), "name: a\n");
  EXPECT_EQ(mode_of(root_ / "out/agent.yaml"), 0644U);
  EXPECT_EQ(mode_of(root_ / "out/bin/run"), 0755U);
}

TEST_F(ArchiveWriter, LeavesOutWhatNoAgentNeeds) {
  for (const char* name :
       {"agent.yaml", ".env", "src/a.py", "src/__pycache__/a.pyc", ".git/config",
        "node_modules/x/index.js", "environment/pyvenv.cfg", "environment/bin/python", "old.apkg",
        ".apkgignore", "notes/a.md", "notes/b.txt", "docs/notes/c.md", "build/x"})
    write(std::string("agent/") + name, "x");
  write("agent/.apkgignore", "# not for production\n*.md\nbuild/\n\n/notes/*.txt\r\n");

  EXPECT_EQ(listed(), (std::vector<std::string>{".env", "agent.yaml", "src/a.py"}));
}

TEST_F(ArchiveWriter, DoesNotPackItsOwnOutput) {
  write("agent/agent.yaml", "name: a\n");
  const std::string first = packed("agent/out.zip");

  EXPECT_EQ(packed("agent/out.zip"), first);
}

TEST_F(ArchiveWriter, NamesEverythingThatCannotBePacked) {
  write("agent/agent.yaml", "name: a\n");
  fs::create_symlink("/etc/passwd", root_ / "agent/link");
  ASSERT_EQ(::mkfifo((root_ / "agent/pipe").c_str(), 0600), 0);

  const auto list = list_package_files(root_ / "agent");

  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->findings.size(), 2U);
  for (const auto& finding : list->findings) EXPECT_EQ(finding.cause, Cause::UnsafeArchive);
  const auto written = write_archive(root_ / "agent", *list, root_ / "p.apkg");
  EXPECT_FALSE(written);
  EXPECT_FALSE(fs::exists(root_ / "p.apkg"));
}

TEST_F(ArchiveWriter, RefusesMoreThanTheLimits) {
  write("agent/a", "12345");
  write("agent/b", "12345");

  const auto cause_with = [&](ArchiveLimits limits) {
    const auto list = list_package_files(root_ / "agent", {}, limits);
    return list && !list->findings.empty() ? list->findings.front().cause : Cause::Internal;
  };

  EXPECT_EQ(cause_with({.entries = 1}), Cause::PackageTooLarge);
  EXPECT_EQ(cause_with({.file_bytes = 4}), Cause::PackageTooLarge);
  EXPECT_EQ(cause_with({.total_bytes = 9}), Cause::PackageTooLarge);
}

TEST_F(ArchiveWriter, NeedsADirectoryAndAPlaceToWrite) {
  EXPECT_EQ(list_package_files(root_ / "nothing").error().cause, Cause::PackageNotFound);
  write("agent/agent.yaml", "name: a\n");
  const auto list = list_package_files(root_ / "agent");
  ASSERT_TRUE(list);
  EXPECT_EQ(write_archive(root_ / "agent", *list, root_ / "no/such/p.apkg").error().cause,
            Cause::Internal);
  fs::remove(root_ / "agent/agent.yaml");
  EXPECT_EQ(write_archive(root_ / "agent", *list, root_ / "p.apkg").error().cause, Cause::Internal);
  EXPECT_FALSE(fs::exists(root_ / "p.apkg"));
}

TEST(PackIgnore, HasLimits) {
  EXPECT_FALSE(PackIgnore::parse(std::string(kMaxIgnoreBytes + 1, '#')));
  std::string many;
  for (std::size_t i = 0; i <= kMaxIgnorePatterns; ++i) many += "a\n";
  EXPECT_FALSE(PackIgnore::parse(many));
}

class ArchiveSurveys : public testing::DirectoryTest {};

TEST_F(ArchiveSurveys, TellAllThatIsWrongAndStillReadTheManifest) {
  testing::ZipWriter writer;
  writer.add("agent.yaml", "name: a\n").add("../evil", "x").add("/etc/x", "x");
  writer.add("link", "/etc/passwd", S_IFLNK | 0777).add("twice", "1").add("twice", "2");

  const ArchiveSurvey survey = survey_archive(write("p.apkg", writer.bytes()));

  EXPECT_EQ(survey.findings.size(), 4U);
  EXPECT_EQ(survey.manifest, "name: a\n");
}

TEST_F(ArchiveSurveys, SayOnceThatAFileIsNoZip) {
  const ArchiveSurvey survey = survey_archive(write("p.apkg", "no zip"));

  ASSERT_EQ(survey.findings.size(), 1U);
  EXPECT_EQ(survey.findings.front().cause, Cause::NotAZip);
  EXPECT_FALSE(survey.manifest);
}

}  // namespace
}  // namespace pixell::apkg
