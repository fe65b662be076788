#include "apkg/archive.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>

#include "apkg/testing/directory_test.hpp"
#include "apkg/testing/zip_writer.hpp"

namespace pixell::apkg {
namespace {

namespace fs = std::filesystem;
using model::Cause;
using testing::ZipWriter;

class Archive : public testing::DirectoryTest {
 protected:
  fs::path zip(const ZipWriter& writer) const { return write("p.apkg", writer.bytes()); }

  // Unpacks, and checks that nothing at all is left beside the archive when that fails.
  Checked<ArchiveListing> unpack(const ZipWriter& writer, const ArchiveLimits& limits = {}) const {
    auto listing = unpack_archive(zip(writer), root_ / "out", limits);
    if (!listing) {
      std::set<std::string> names;
      for (const auto& entry : fs::directory_iterator(root_))
        names.insert(entry.path().filename().string());
      EXPECT_EQ(names, std::set<std::string>{"p.apkg"});
    }
    return listing;
  }

  void expect_refused(const ZipWriter& writer, Cause cause, std::string_view words,
                      const ArchiveLimits& limits = {}) const {
    const auto listing = unpack(writer, limits);
    ASSERT_FALSE(listing);
    EXPECT_EQ(listing.error().cause, cause) << listing.error().message;
    EXPECT_NE(listing.error().message.find(words), std::string::npos) << listing.error().message;
    EXPECT_FALSE(listing.error().remedy.empty());
    EXPECT_FALSE(listing.error().evidence.empty()) << listing.error().message;
  }
};

TEST_F(Archive, UnpacksFilesAndDirectoriesWithTheirModes) {
  ZipWriter writer;
  writer.add("agent.yaml", "name: a\n").add("src/", "", S_IFDIR | 0700);
  writer.add("src/", "", S_IFDIR | 0700).add("src/run.sh", "#!/bin/sh\n", S_IFREG | 0700);
  writer.add("deep/er/x", "x", 0).add("./dot", "d");

  const auto listing = unpack(writer);

  ASSERT_TRUE(listing) << listing.error().message;
  EXPECT_EQ(listing->entries.size(), 6U);
  EXPECT_EQ(content_of(root_ / "out/agent.yaml"), "name: a\n");
  EXPECT_EQ(content_of(root_ / "out/dot"), "d");
  EXPECT_EQ(mode_of(root_ / "out/agent.yaml"), 0644U);
  EXPECT_EQ(mode_of(root_ / "out/src/run.sh"), 0755U);
  EXPECT_EQ(mode_of(root_ / "out/src"), 0755U);
  EXPECT_EQ(mode_of(root_ / "out/deep/er"), 0755U);
  EXPECT_EQ(mode_of(root_ / "out"), 0755U);
  EXPECT_FALSE(fs::exists(root_ / "out.unpacking"));
}

TEST_F(Archive, ReplacesWhatAnEarlierRunLeft) {
  write("out/old", "old");
  write("out.unpacking/half", "half");

  ASSERT_TRUE(unpack_archive(zip(ZipWriter().add("agent.yaml", "x")), root_ / "out"));

  EXPECT_FALSE(fs::exists(root_ / "out/old"));
  EXPECT_FALSE(fs::exists(root_ / "out/half"));
  EXPECT_TRUE(fs::exists(root_ / "out/agent.yaml"));
}

TEST_F(Archive, RefusesNamesThatLeaveThePackage) {
  for (const char* name : {"../evil", "/evil", "a/../../evil", "a\\evil", "C:evil"})
    expect_refused(ZipWriter().add("ok", "1").add(name, "x"), Cause::UnsafeArchive, "evil");
}

TEST_F(Archive, RefusesWhatIsNoFileOrDirectory) {
  expect_refused(ZipWriter().add("l", "/etc/passwd", S_IFLNK | 0777), Cause::UnsafeArchive,
                 "\"l\" is a symbolic link");
  expect_refused(ZipWriter().add("d", "", S_IFCHR | 0666), Cause::UnsafeArchive, "a device");
  expect_refused(ZipWriter().add("p", "", S_IFIFO | 0666), Cause::UnsafeArchive, "a named pipe");
  expect_refused(ZipWriter().add("s", "", S_IFSOCK | 0666), Cause::UnsafeArchive, "a socket");
}

TEST_F(Archive, RefusesNamesThatClash) {
  expect_refused(ZipWriter().add("a", "1").add("a", "2"), Cause::UnsafeArchive,
                 "\"a\" is there twice");
  expect_refused(ZipWriter().add("a", "1").add("./a", "2"), Cause::UnsafeArchive, "there twice");
  expect_refused(ZipWriter().add("a", "1").add("a/b", "2"), Cause::UnsafeArchive, "below a file");
  expect_refused(ZipWriter().add("a/b", "1").add("a", "2"), Cause::UnsafeArchive, "below a file");
  expect_refused(ZipWriter().add("a", "1").add("a/", ""), Cause::UnsafeArchive, "both");
}

TEST_F(Archive, OnlyWarnsOfNamesThatDifferInCase) {
  const auto listing = unpack(ZipWriter().add("README", "1").add("readme", "2"));

  ASSERT_TRUE(listing);
  ASSERT_EQ(listing->warnings.size(), 1U);
  EXPECT_NE(listing->warnings[0].find("README"), std::string::npos);
}

TEST_F(Archive, RefusesEncryptedEntries) {
  expect_refused(ZipWriter().add({.name = "k", .content = "x", .is_encrypted = true}),
                 Cause::UnsafeArchive, "\"k\" is encrypted");
}

TEST_F(Archive, HoldsEveryLimit) {
  ZipWriter three;
  three.add("a", "12345").add("b", "12345").add("c", "12345");

  expect_refused(three, Cause::PackageTooLarge, "3 entries", {.entries = 2});
  expect_refused(three, Cause::PackageTooLarge, "\"a\" unpacks to 5", {.file_bytes = 4});
  expect_refused(three, Cause::PackageTooLarge, "at entry \"c\"", {.total_bytes = 14});
  EXPECT_TRUE(unpack(three, {.entries = 3, .file_bytes = 5, .total_bytes = 15}));
}

TEST_F(Archive, RefusesABombByItsRatio) {
  // 40 MiB are claimed; what is really inside does not matter any more.
  expect_refused(
      ZipWriter().add({.name = "bomb", .content = "x", .claimed_size = 40 << 20, .method = 8}),
      Cause::UnsafeArchive, "times");
}

TEST_F(Archive, RefusesSizesThatLie) {
  for (const std::int64_t claimed : {0, 3, 9})
    expect_refused(ZipWriter().add({.name = "liar", .content = "12345", .claimed_size = claimed}),
                   Cause::NotAZip, "\"liar\"");
}

TEST_F(Archive, RefusesAWrongChecksum) {
  expect_refused(ZipWriter().add({.name = "bad", .content = "12345", .crc_change = 1}),
                 Cause::NotAZip, "\"bad\" cannot be unpacked");
}

TEST_F(Archive, RefusesADirectoryWithContent) {
  expect_refused(ZipWriter().add("d/", "x", S_IFDIR | 0755), Cause::UnsafeArchive, "has content");
}

TEST_F(Archive, TellsWhatIsNoZip) {
  EXPECT_EQ(inspect_archive(root_ / "none").error().cause, Cause::PackageNotFound);
  EXPECT_EQ(inspect_archive(root_).error().cause, Cause::NotAZip);
  EXPECT_EQ(inspect_archive(write("empty", "")).error().cause, Cause::NotAZip);
  EXPECT_EQ(inspect_archive(write("text", "hello")).error().cause, Cause::NotAZip);
  EXPECT_EQ(inspect_archive(zip(ZipWriter())).error().cause, Cause::NotAZip);
  const std::string whole = ZipWriter().add("agent.yaml", "name: a").bytes();
  EXPECT_EQ(inspect_archive(write("cut", whole.substr(0, whole.size() - 10))).error().cause,
            Cause::NotAZip);
}

TEST_F(Archive, ShowsWhatIsThereInsteadOfAZip) {
  const std::string page = "<html>\n404 Not Found" + std::string(100, '.');
  const auto saved_page = inspect_archive(write("page", page)).error().evidence;
  EXPECT_TRUE(saved_page.back().starts_with("it begins with \"<html>\\x0a404 Not Found"));
  EXPECT_LT(saved_page.back().size(), 80U);
  EXPECT_EQ(inspect_archive_bytes(page).error().evidence.back(), saved_page.back());
  const std::string whole = ZipWriter().add("agent.yaml", "name: a").bytes();
  const auto cut = inspect_archive(write("cut", whole.substr(0, whole.size() - 10)));
  EXPECT_TRUE(cut.error().evidence.back().ends_with("it was probably cut short"));
  EXPECT_EQ(inspect_archive(write("empty", "")).error().evidence.front(), "it has 0 bytes");
}

TEST_F(Archive, NamesTheEntryThatMakesItTooLarge) {
  ZipWriter three;
  three.add("a", "12345").add("big", "1234567").add("c", "12345");
  const auto evidence = [&](const ArchiveLimits& limits) {
    return inspect_archive(zip(three), limits).error().evidence.front();
  };
  EXPECT_EQ(evidence({.total_bytes = 14}), "the largest entry is \"big\" with 7 bytes");
  EXPECT_EQ(evidence({.entries = 2}), "the first one too many is \"c\"");
}

TEST_F(Archive, ReadsOneFile) {
  const fs::path path = zip(ZipWriter().add("agent.yaml", "name: a").add("b", ""));

  EXPECT_EQ(read_archive_file(path, "agent.yaml", 7).value(), "name: a");
  EXPECT_EQ(read_archive_file(path, "agent.yaml", 6).error().cause, Cause::PackageTooLarge);
  EXPECT_EQ(read_archive_file(path, "c", 6).error().cause, Cause::PackageNotFound);
  EXPECT_EQ(read_archive_file(zip(ZipWriter().add("b", "")), "agent.yaml", 6).error().cause,
            Cause::ManifestMissing);
}

TEST_F(Archive, JudgesBytesInMemoryTheSameWay) {
  EXPECT_TRUE(inspect_archive_bytes(ZipWriter().add("a", "1").bytes()));
  EXPECT_EQ(inspect_archive_bytes("").error().cause, Cause::NotAZip);
  EXPECT_EQ(inspect_archive_bytes(ZipWriter().add("../a", "1").bytes()).error().cause,
            Cause::UnsafeArchive);
  EXPECT_EQ(
      inspect_archive_bytes(ZipWriter().add({.name = "a", .content = "1", .crc_change = 1}).bytes())
          .error()
          .cause,
      Cause::NotAZip);
}

// So much that several threads share it, where there are several cores.
ZipWriter large_package(const std::set<int>& broken) {
  constexpr int kFiles = 64;
  constexpr std::size_t kFileBytes = 2 * kUnpackBytesPerThread / kFiles;
  ZipWriter writer;
  for (int number = 0; number < kFiles; ++number)
    writer.add({.name = fmt::format("d{}/f{}", number % 3, number),
                .content = std::string(kFileBytes, static_cast<char>('!' + number)),
                .crc_change = broken.contains(number) ? 1U : 0U});
  return writer;
}

TEST_F(Archive, UnpacksALargePackageWhole) {
  const auto listing = unpack(large_package({}));

  ASSERT_TRUE(listing) << listing.error().message;
  ASSERT_EQ(listing->entries.size(), 64U);
  for (std::size_t number = 0; number < listing->entries.size(); ++number) {
    const ArchiveEntry& entry = listing->entries[number];
    EXPECT_EQ(content_of(root_ / "out" / entry.path),
              std::string(entry.bytes, static_cast<char>('!' + number)))
        << entry.path;
    EXPECT_EQ(mode_of(root_ / "out" / entry.path), 0644U);
  }
}

TEST_F(Archive, TellsTheFirstOfSeveralBrokenEntriesWhoeverFindsIt) {
  const ZipWriter writer = large_package({7, 8, 9, 40, 63});

  for (int round = 0; round < 4; ++round)
    expect_refused(writer, Cause::NotAZip, "\"d1/f7\" cannot be unpacked");
}

TEST_F(Archive, GivesModesWhateverTheUmaskIs) {
  const mode_t before = ::umask(0077);
  const auto listing = unpack(ZipWriter().add("a/b/run", "x", S_IFREG | 0700).add("c", "x"));
  ::umask(before);

  ASSERT_TRUE(listing);
  EXPECT_EQ(mode_of(root_ / "out"), 0755U);
  EXPECT_EQ(mode_of(root_ / "out/a"), 0755U);
  EXPECT_EQ(mode_of(root_ / "out/a/b"), 0755U);
  EXPECT_EQ(mode_of(root_ / "out/a/b/run"), 0755U);
  EXPECT_EQ(mode_of(root_ / "out/c"), 0644U);
}

TEST_F(Archive, FailsWhenTheDiskRefuses) {
  write("file", "in the way");

  const auto listing = unpack_archive(zip(ZipWriter().add("a", "1")), root_ / "file" / "below");

  ASSERT_FALSE(listing);
  EXPECT_EQ(listing.error().cause, Cause::Internal);
}

}  // namespace
}  // namespace pixell::apkg
