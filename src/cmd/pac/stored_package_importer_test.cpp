#include "cmd/pac/stored_package_importer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "apkg/digest.hpp"
#include "apkg/testing/directory_test.hpp"
#include "apkg/testing/zip_writer.hpp"
#include "base/testing/fake_clock.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::cmd {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class StoredPackageImporterTest : public apkg::testing::DirectoryTest {
 protected:
  void SetUp() override {
    auto opened = apkg::PackageStore::open(root_ / "packages");
    ASSERT_TRUE(opened) << opened.error().message;
    packages_.emplace(std::move(*opened));
    importer_.emplace(*packages_, root_ / "downloads", std::vector<std::string>{"ours.example"},
                      apkg::PackageSourceParts{
                          .clock = clock_,
                          .sleep = [this](Millis pause) { clock_.advance(pause); },
                          .fetch = [this](const net::FetchRequest& asked) { return fetch(asked); },
                          .on_failed_attempt = {}});
  }
  static std::string package(const std::string& manifest =
                                 "name: hello\nversion: 1.2.3\n"
                                 "entrypoint: main:app\n") {
    return apkg::testing::ZipWriter().add("agent.yaml", manifest).bytes();
  }
  static model::Deployment deployment(std::string url) {
    model::Deployment wanted;
    wanted.id = "01HELLO";
    wanted.app_id = "my-agent";
    wanted.package_url = std::move(url);
    return wanted;
  }
  std::string file_url(const std::string& content) {
    return "file://" + write("given.apkg", content).string();
  }
  auto import(const model::Deployment& wanted) { return importer_->import(wanted, {}); }
  std::vector<std::string> left_in_scratch() const {
    std::vector<std::string> names;
    std::error_code absent;
    for (const auto& entry : fs::directory_iterator(root_ / "downloads", absent))
      names.push_back(entry.path().filename());
    return names;
  }

  // The internet: one address that answers with status_ and body_.
  Result<net::FetchReply> fetch(const net::FetchRequest& asked) {
    fetched_.push_back(asked.url);
    if (asked.allow_address) TRY_VOID(asked.allow_address(address_));
    net::FetchReply reply;
    reply.status = status_;
    if (status_ == 200) TRY_VOID(asked.sink(body_));
    return reply;
  }

  FakeClock clock_;
  std::string address_ = "93.184.216.34";
  int status_ = 200;
  std::string body_ = package();
  std::vector<std::string> fetched_;
  std::optional<apkg::PackageStore> packages_;
  std::optional<StoredPackageImporter> importer_;
};

TEST_F(StoredPackageImporterTest, KeepsAFileAndReadsItsManifest) {
  const auto got = import(deployment(file_url(package())));

  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->sha256, apkg::sha256_of(package()));
  EXPECT_EQ(got->app_id, "my-agent");
  EXPECT_EQ(got->name, "hello");
  EXPECT_EQ(got->version, "1.2.3");
  EXPECT_EQ(got->size_bytes, static_cast<std::int64_t>(package().size()));
  EXPECT_EQ(nlohmann::json::parse(got->manifest_json)["name"], "hello");
  EXPECT_EQ(content_of(importer_->path_of(got->sha256)), package());
  EXPECT_THAT(fetched_, IsEmpty());
}

TEST_F(StoredPackageImporterTest, PrefersTheVersionThatTheDeploymentNames) {
  model::Deployment wanted = deployment(file_url(package()));
  wanted.version = "9.9.9";

  EXPECT_EQ(import(wanted)->version, "9.9.9");
}

TEST_F(StoredPackageImporterTest, GivesTheSamePackageForTheSameContent) {
  const auto first = import(deployment(file_url(package())));

  const auto again = import(deployment(file_url(package())));

  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->sha256, first->sha256);
  EXPECT_THAT(*packages_->list(), SizeIs(1));
}

TEST_F(StoredPackageImporterTest, DownloadsAndLeavesNothingInScratch) {
  model::Deployment wanted = deployment("https://host.example/a.apkg?signature=x");
  wanted.expected_sha256 = apkg::sha256_of(body_);

  const auto got = import(wanted);

  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(content_of(importer_->path_of(got->sha256)), body_);
  EXPECT_THAT(fetched_, ElementsAre("https://host.example/a.apkg?signature=x"));
  EXPECT_THAT(left_in_scratch(), IsEmpty());
}

TEST_F(StoredPackageImporterTest, DownloadsFromPrivateAddressesOfListedHostsOnly) {
  address_ = "10.0.0.7";

  const auto foreign = import(deployment("https://host.example/a.apkg"));
  const auto ours = import(deployment("https://ours.example/a.apkg"));

  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().cause, model::Cause::DownloadFailed);
  EXPECT_THAT(foreign.error().remedy, ::testing::HasSubstr("PACKAGE_URL_ALLOW_HOSTS=host.example"));
  EXPECT_TRUE(ours) << ours.error().message;
}

TEST_F(StoredPackageImporterTest, RemovesWhatAKilledProcessLeftInScratch) {
  write("downloads/01OLD.apkg.downloading", "half a package");

  importer_->remove_leftovers();

  EXPECT_THAT(left_in_scratch(), IsEmpty());
  EXPECT_TRUE(import(deployment("https://host.example/a.apkg")));
}

TEST_F(StoredPackageImporterTest, TellsThatThereIsNoPlaceToDownloadTo) {
  write("downloads", "a file in the way");

  const auto got = import(deployment("https://host.example/a.apkg"));

  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().cause, model::Cause::Internal);
  EXPECT_THAT(got.error().evidence, ElementsAre(::testing::HasSubstr("downloads")));
  EXPECT_THAT(fetched_, IsEmpty());
}

struct BadPackage {
  const char* name;
  std::string content;
  model::Cause cause;
};

class BadPackageTest : public StoredPackageImporterTest,
                       public ::testing::WithParamInterface<BadPackage> {};

TEST_P(BadPackageTest, IsRefusedByFileAndByUrl) {
  const auto by_file = import(deployment(file_url(GetParam().content)));
  body_ = GetParam().content;
  const auto by_url = import(deployment("https://host.example/a.apkg"));

  ASSERT_FALSE(by_file);
  ASSERT_FALSE(by_url);
  EXPECT_EQ(by_file.error().cause, GetParam().cause) << by_file.error().message;
  EXPECT_EQ(by_url.error().cause, GetParam().cause) << by_url.error().message;
  EXPECT_FALSE(by_file.error().remedy.empty());
  EXPECT_THAT(left_in_scratch(), IsEmpty());
}

std::string zip(const std::string& name, const std::string& content) {
  return apkg::testing::ZipWriter().add(name, content).bytes();
}

INSTANTIATE_TEST_SUITE_P(
    Packages, BadPackageTest,
    ::testing::Values(
        BadPackage{"NotAZip", "text", model::Cause::NotAZip},
        BadPackage{"Empty", "", model::Cause::NotAZip},
        BadPackage{"NoManifest", zip("main.py", ""), model::Cause::ManifestMissing},
        BadPackage{"BadManifest", zip("agent.yaml", "- a list\n"), model::Cause::ManifestInvalid},
        BadPackage{"Unsafe",
                   apkg::testing::ZipWriter().add("agent.yaml", "").add("../x", "").bytes(),
                   model::Cause::UnsafeArchive}),
    [](const auto& row) { return row.param.name; });

TEST_F(StoredPackageImporterTest, ChecksTheDigestOfFilesAndDownloads) {
  model::Deployment by_file = deployment(file_url(package()));
  by_file.expected_sha256 = std::string(64, 'a');
  model::Deployment by_url = deployment("https://host.example/a.apkg");
  by_url.expected_sha256 = std::string(64, 'a');

  EXPECT_EQ(import(by_file).error().cause, model::Cause::DigestMismatch);
  EXPECT_EQ(import(by_url).error().cause, model::Cause::DigestMismatch);
  EXPECT_THAT(*packages_->list(), IsEmpty());
  EXPECT_THAT(left_in_scratch(), IsEmpty());
}

TEST_F(StoredPackageImporterTest, TellsThatAPackageIsNotThere) {
  status_ = 404;

  EXPECT_EQ(import(deployment("https://host.example/a.apkg")).error().cause,
            model::Cause::PackageNotFound);
  EXPECT_EQ(import(deployment("file://" + (root_ / "gone.apkg").string())).error().cause,
            model::Cause::PackageNotFound);
}

TEST(PrivatePackageHosts, ReadsACommaListWithBlanks) {
  EXPECT_THAT(private_package_hosts({{"PACKAGE_URL_ALLOW_HOSTS", " a.example,,b.example , "}}),
              ElementsAre("a.example", "b.example"));
  EXPECT_THAT(private_package_hosts({{"PACKAGE_URL_ALLOW_HOSTS", ""}}), IsEmpty());
  EXPECT_THAT(private_package_hosts({}), IsEmpty());
}

}  // namespace
}  // namespace pixell::cmd
