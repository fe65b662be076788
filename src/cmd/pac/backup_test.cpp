#include "store/sqlite/backup.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "apkg/digest.hpp"
#include "apkg/package_store.hpp"
#include "apkg/stored_zip.hpp"
#include "base/testing/fake_clock.hpp"
#include "cmd/pac/serve_claim.hpp"
#include "cmd/pac/state_backup.hpp"
#include "cmd/pac/state_restore.hpp"
#include "cmd/pac/testing/api_server.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace pixell::cmd {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class BackupTest : public ::testing::Test {
 protected:
  // A state directory with an app and a package.
  void make_state() {
    auto packages = apkg::PackageStore::open(state_ / "packages");
    ASSERT_TRUE(packages);
    std::ofstream(directory_ / "a.apkg") << "bytes of a package";
    ASSERT_TRUE(packages->import_file(directory_ / "a.apkg"));
    const auto store = store::make_sqlite_store(state_ / "pixell.db", clock_);
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE((*store)->accept_deployment({.app_id = "hello",
                                             .package = model::Package{.sha256 = sha256_,
                                                                       .id = {},
                                                                       .app_id = "hello",
                                                                       .name = "hello",
                                                                       .version = "1",
                                                                       .manifest_json = "{}"}}));
  }
  Result<BackupManifest> back_up(bool is_forced = false) {
    return make_backup({.state_dir = state_, .file = file_, .is_forced = is_forced}, clock_);
  }
  Result<Restored> restore(bool is_forced = false) {
    return restore_backup({.state_dir = target_, .file = file_, .is_forced = is_forced}, clock_);
  }
  std::vector<std::string> apps_of(const fs::path& state) {
    std::vector<std::string> ids;
    const auto store = store::make_sqlite_store(state / "pixell.db", clock_);
    EXPECT_TRUE(store) << store.error().message;
    const auto apps = (*store)->apps({});
    EXPECT_TRUE(apps);
    for (const auto& app : *apps) ids.push_back(app.id);
    return ids;
  }
  static std::string content(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  static std::vector<std::string> names_in(const fs::path& directory) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory))
      names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
  }
  // A backup as somebody else might make it.
  void write_backup(const BackupManifest& manifest, std::vector<apkg::StoredEntry> entries) {
    entries.insert(entries.begin(),
                   {.name = std::string(kBackupManifestName), .text = to_text(manifest)});
    fs::remove(file_);
    const auto written = apkg::write_stored_zip(file_, entries);
    ASSERT_TRUE(written) << written.error().message;
  }
  // The database of make_state() as an entry and in a manifest.
  BackupManifest manifest_of_database(const fs::path& copy) {
    const auto facts = store::copy_database(state_ / "pixell.db", copy);
    EXPECT_TRUE(facts) << facts.error().message;
    return {.schema_version = facts->schema_version,
            .entries = {{.name = "pixell.db",
                         .sha256 = *apkg::sha256_of_file(copy),
                         .bytes = std::int64_t(fs::file_size(copy))}}};
  }
  void expect_refused(ErrorCode code, const std::string& word, bool is_forced = false) {
    const auto restored = restore(is_forced);
    ASSERT_FALSE(restored);
    EXPECT_EQ(restored.error().code, code) << restored.error().message;
    EXPECT_THAT(restored.error().message, HasSubstr(word));
    if (!fs::exists(target_)) return;
    EXPECT_THAT(names_in(target_), ElementsAre("run"));
  }

  FakeClock clock_;
  TempDirectory directory_;
  fs::path state_ = directory_ / "state";
  fs::path target_ = directory_ / "target";
  fs::path file_ = directory_ / "a.backup";
  std::string sha256_ = apkg::sha256_of("bytes of a package");
};

TEST_F(BackupTest, HoldsTheManifestTheDatabaseAndItsPackages) {
  make_state();

  const auto manifest = back_up();

  ASSERT_TRUE(manifest) << manifest.error().message;
  auto zip = apkg::StoredZip::open(file_);
  ASSERT_TRUE(zip);
  EXPECT_THAT(zip->names(),
              ElementsAre("manifest.json", "pixell.db", "packages/" + sha256_ + ".apkg"));
  std::string text;
  ASSERT_TRUE(zip->read(0, [&](std::string_view bytes) -> Result<void> {
    text += bytes;
    return {};
  }));
  const auto read = backup_manifest_from_text(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->created_at, clock_.unix_now());
  EXPECT_EQ(read->program_version, PIXELL_VERSION);
  EXPECT_EQ(read->schema_version, manifest->schema_version);
  ASSERT_EQ(read->entries.size(), 2u);
  EXPECT_EQ(read->entries[1].sha256, sha256_);
  EXPECT_EQ(read->entries[1].bytes, 18);
  struct stat info {};
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_THAT(names_in(directory_ / ""), ElementsAre("a.apkg", "a.backup", "state"));
}

TEST_F(BackupTest, ReplacesAFileOnlyWhenForced) {
  make_state();
  std::ofstream(file_) << "old";

  const auto refused = back_up();

  EXPECT_EQ(refused.error().code, ErrorCode::AlreadyExists);
  EXPECT_THAT(refused.error().message, HasSubstr("--force"));
  EXPECT_EQ(content(file_), "old");
  EXPECT_TRUE(back_up(true));
  EXPECT_TRUE(restore());
}

TEST_F(BackupTest, NamesAStateDirectoryWithoutDatabase) {
  fs::create_directory(state_);

  EXPECT_EQ(back_up().error().code, ErrorCode::NotFound);
  EXPECT_THAT(names_in(state_), IsEmpty());
}

TEST_F(BackupTest, NamesAPackageThatIsMissingOrDamaged) {
  make_state();
  const fs::path package = state_ / "packages" / (sha256_ + ".apkg");
  std::ofstream(package) << "other";
  EXPECT_EQ(back_up().error().code, ErrorCode::DataLoss);
  fs::remove(package);

  const auto missing = back_up();

  EXPECT_EQ(missing.error().code, ErrorCode::DataLoss);
  EXPECT_THAT(missing.error().message, HasSubstr(package.string()));
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(BackupTest, ComesBackAsItWas) {
  make_state();
  ASSERT_TRUE(back_up());

  const auto restored = restore();

  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(restored->moved_aside, "");
  EXPECT_THAT(names_in(target_), ElementsAre("packages", "pixell.db", "run"));
  EXPECT_THAT(apps_of(target_), ElementsAre("hello"));
  EXPECT_EQ(content(target_ / "packages" / (sha256_ + ".apkg")), "bytes of a package");
}

TEST_F(BackupTest, BringsTheInstallationOnAwsAlong) {
  make_state();
  const fs::path kept = fs::path("ecs") / "installation";
  fs::create_directory(state_ / "ecs");
  std::ofstream(state_ / kept) << "01first\n";
  const auto manifest = back_up();
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->ecs_installation, "01first");

  ASSERT_TRUE(restore());

  EXPECT_EQ(content(target_ / kept), "01first\n");
  EXPECT_TRUE(restore(true)) << "again, over the same";

  std::ofstream(target_ / kept) << "02second\n";
  const auto refused = restore(true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::FailedPrecondition);
  EXPECT_THAT(refused.error().message, HasSubstr("of the installation 01first on AWS"));
  EXPECT_THAT(refused.error().message, HasSubstr("delete " + (target_ / kept).string()));
  EXPECT_EQ(content(target_ / kept), "02second\n");
}

TEST_F(BackupTest, WithoutAnInstallationLeavesThatOfTheDirectory) {
  make_state();
  ASSERT_TRUE(back_up());
  fs::create_directories(target_ / "ecs");
  std::ofstream(target_ / "ecs" / "installation") << "02second\n";

  ASSERT_TRUE(restore());

  EXPECT_EQ(content(target_ / "ecs" / "installation"), "02second\n");
}

TEST_F(BackupTest, IsNotMadeOfAnInstallationThatCannotBeRead) {
  make_state();
  fs::create_directory(state_ / "ecs");
  std::ofstream(state_ / "ecs" / "installation") << "Not A Tag";

  const auto refused = back_up();

  EXPECT_EQ(refused.error().code, ErrorCode::DataLoss);
  EXPECT_THAT(refused.error().message, HasSubstr("ecs/installation says no value of a tag"));
}

TEST_F(BackupTest, KeepsTheDatabaseOfBeforeWhenForced) {
  make_state();
  ASSERT_TRUE(back_up());
  {
    const auto store = store::make_sqlite_store(target_ / "pixell.db", clock_);
    ASSERT_TRUE((*store)->accept_deployment({.app_id = "old"}));
  }
  fs::create_directory(target_ / "edge");
  std::ofstream(target_ / "edge" / "routes") << "old";
  const auto refused = restore();
  EXPECT_EQ(refused.error().code, ErrorCode::AlreadyExists);
  EXPECT_THAT(refused.error().message, HasSubstr("--force"));
  EXPECT_THAT(apps_of(target_), ElementsAre("old"));

  const auto restored = restore(true);

  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_THAT(apps_of(target_), ElementsAre("hello"));
  EXPECT_FALSE(fs::exists(target_ / "edge" / "routes"));
  EXPECT_THAT(restored->moved_aside.filename().string(),
              StartsWith("pixell.db.before-restore-2023"));
  fs::rename(restored->moved_aside, target_ / "pixell.db");
  EXPECT_THAT(apps_of(target_), ElementsAre("old"));
}

TEST_F(BackupTest, ReplacesADamagedDatabaseAndKeepsIt) {
  make_state();
  ASSERT_TRUE(back_up());
  fs::create_directory(target_);
  std::ofstream(target_ / "pixell.db") << std::string(8'192, 'x');
  std::ofstream(target_ / "pixell.db-wal") << "log";

  const auto restored = restore(true);

  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_THAT(apps_of(target_), ElementsAre("hello"));
  EXPECT_EQ(content(restored->moved_aside), std::string(8'192, 'x'));
  EXPECT_EQ(content(restored->moved_aside.string() + "-wal"), "log");
}

TEST_F(BackupTest, IsNotRestoredWhileTheStateIsUsed) {
  make_state();
  ASSERT_TRUE(back_up());
  const auto claim = claim_state_dir(target_);
  ASSERT_TRUE(claim);

  expect_refused(ErrorCode::AlreadyExists, "another `pac serve` or `pac edge` uses it");
}

TEST_F(BackupTest, IsRefusedWhenItIsNone) {
  expect_refused(ErrorCode::NotFound, file_.string());
  std::ofstream(file_) << "no zip";
  expect_refused(ErrorCode::DataLoss, "nothing was changed");
  fs::remove(file_);
  ASSERT_TRUE(apkg::write_stored_zip(file_, {{.name = "agent.yaml", .text = "name: a"}}));
  expect_refused(ErrorCode::DataLoss, "no backup of Pixell");
}

TEST_F(BackupTest, IsRefusedWhenABitHasFlipped) {
  make_state();
  ASSERT_TRUE(back_up());
  std::string bytes = content(file_);
  bytes[bytes.find("bytes of a package")] ^= 1;
  std::ofstream(file_) << bytes;

  expect_refused(ErrorCode::DataLoss, "packages/" + sha256_);
}

TEST_F(BackupTest, IsRefusedWhenAnEntryIsAnotherThanTheManifestSays) {
  make_state();
  const fs::path copy = directory_ / "copy.db";
  BackupManifest manifest = manifest_of_database(copy);
  manifest.entries.push_back(
      {.name = backup_package_name(sha256_), .sha256 = sha256_, .bytes = 18});
  const apkg::StoredEntry database{.name = "pixell.db", .file = copy};
  const std::string package = manifest.entries[1].name;

  write_backup(manifest, {database, {.name = package, .text = "other of a package"}});
  expect_refused(ErrorCode::DataLoss, "digest");
  write_backup(manifest, {database});
  expect_refused(ErrorCode::DataLoss, "not those of its manifest");
  write_backup(manifest, {database,
                          {.name = package, .text = "bytes of a package"},
                          {.name = "../more", .text = "x"}});
  expect_refused(ErrorCode::DataLoss, "not those of its manifest");
  manifest.entries.pop_back();
  write_backup(manifest, {database});
  expect_refused(ErrorCode::DataLoss, "package " + sha256_ + " is missing");
}

TEST_F(BackupTest, IsRefusedWhenItsManifestIsStrange) {
  make_state();
  const fs::path copy = directory_ / "copy.db";
  const BackupManifest good = manifest_of_database(copy);
  const apkg::StoredEntry database{.name = "pixell.db", .file = copy};
  const auto refused = [&](BackupManifest manifest, ErrorCode code, const std::string& word) {
    write_backup(manifest, {database});
    expect_refused(code, word);
  };

  BackupManifest changed = good;
  changed.format = 2;
  refused(changed, ErrorCode::FailedPrecondition, "format 2");
  changed = good;
  changed.schema_version = 1'000;
  refused(changed, ErrorCode::DataLoss, "schema of the manifest");
  changed = good;
  changed.entries[0].name = "/etc/passwd";
  refused(changed, ErrorCode::DataLoss, "does not name pixell.db first");
  changed = good;
  changed.entries.push_back({.name = "packages/../x", .sha256 = sha256_});
  refused(changed, ErrorCode::DataLoss, "names 'packages/../x'");
  changed = good;
  changed.entries[0].sha256 = "none";
  refused(changed, ErrorCode::DataLoss, "no digest");
  changed = good;
  changed.ecs_installation = "../x";
  refused(changed, ErrorCode::DataLoss, "names an installation");
}

TEST_F(BackupTest, IsRefusedWhenANewerProgramWroteTheDatabase) {
  make_state();
  const fs::path copy = directory_ / "copy.db";
  ASSERT_TRUE(store::copy_database(state_ / "pixell.db", copy));
  {
    auto database = store::Database::open(copy, 1'000, store::kMaxDatabaseBytes);
    ASSERT_TRUE((*database)->execute("INSERT INTO schema_version VALUES (9999, 0)"));
  }
  BackupManifest manifest{.schema_version = 9'999,
                          .entries = {{.name = "pixell.db",
                                       .sha256 = *apkg::sha256_of_file(copy),
                                       .bytes = std::int64_t(fs::file_size(copy))}}};

  write_backup(manifest, {{.name = "pixell.db", .file = copy}});

  expect_refused(ErrorCode::FailedPrecondition, "9999");
}

TEST(BackupManifest, RefusesWhatIsNoManifest) {
  for (const char* text :
       {"", "[]", "{}", R"({"pixell_backup":"x"})", R"({"pixell_backup":1,"schema_version":1})"})
    EXPECT_EQ(backup_manifest_from_text(text).error().code, ErrorCode::DataLoss) << text;
}

}  // namespace
}  // namespace pixell::cmd
