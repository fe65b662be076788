#include "cmd/pac/package_mirror.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "apkg/digest.hpp"
#include "apkg/testing/directory_test.hpp"
#include "aws/testing/fake_outside.hpp"
#include "base/files.hpp"
#include "cmd/pac/limits.hpp"
#include "net/client/http_fetch.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace pixell::cmd {
namespace {

namespace fs = std::filesystem;

class PackageMirrorTest : public apkg::testing::DirectoryTest {
 protected:
  void SetUp() override {
    auto store = store::make_sqlite_store(root_ / "pixell.db", world_.clock);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    auto packages = apkg::PackageStore::open(root_ / "packages");
    ASSERT_TRUE(packages) << packages.error().message;
    packages_.emplace(std::move(*packages));
    mirror_.emplace(parts());
  }
  PackageMirror::Parts parts() {
    return {.store = *store_,
            .packages = *packages_,
            .files = files_,
            .s3 = s3_,
            .bucket = "kept",
            .outside = world_.outside(),
            .log = Log(-1)};
  }
  // A package of the app "hello", on the disk and in the database; its digest.
  std::string add(const std::string& content, const std::string& version = "1.0.0") {
    const auto stored = packages_->import_file(write("given.apkg", content));
    EXPECT_TRUE(stored);
    const auto added = store_->add_package({.sha256 = stored->sha256,
                                            .id = "P" + version,
                                            .app_id = "hello",
                                            .name = "hello",
                                            .version = version,
                                            .size_bytes = static_cast<std::int64_t>(content.size()),
                                            .manifest_json = "{}",
                                            .source = "upload"},
                                           false);
    EXPECT_TRUE(added) << added.error().message;
    return stored->sha256;
  }
  static std::string url_of(const std::string& sha256) {
    return "https://kept.s3.us-east-2.amazonaws.com/default/hello/1.0.0/" + sha256 + ".apkg";
  }
  void refuse(int status, const std::string& name) {
    world_.answer(status, "<Error><Code>" + name + "</Code><Message>m</Message></Error>");
  }

  aws::FakeOutside world_;
  std::unique_ptr<store::Store> store_;
  std::optional<apkg::PackageStore> packages_;
  std::shared_mutex files_;
  aws::S3 s3_{
      world_.outside(),
      {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_REGION", "us-east-2"}}};
  std::optional<PackageMirror> mirror_;
};

TEST_F(PackageMirrorTest, PutsWhatIsNotThereOnceAndNeverOverAnother) {
  const std::string sha256 = add("content");
  world_.answer(404, "");
  world_.answer(200, "");

  const auto pass = mirror_->run_once();

  EXPECT_FALSE(pass.failure) << pass.failure->message;
  EXPECT_EQ(pass.put, 1U);
  ASSERT_EQ(world_.asked.size(), 2U);
  EXPECT_EQ(world_.asked[0].method, "HEAD");
  EXPECT_EQ(world_.asked[1].method, "PUT");
  EXPECT_EQ(world_.asked[1].url, url_of(sha256));
  EXPECT_EQ(world_.asked[1].body, "content");
  EXPECT_EQ(world_.header(1, "If-None-Match"), "*");
  EXPECT_FALSE(world_.header(1, "x-amz-checksum-sha256").empty());
  EXPECT_EQ(mirror_->run_once().put, 0U);
  EXPECT_EQ(world_.asked.size(), 2U);
}

TEST_F(PackageMirrorTest, LeavesWhatIsThereAlready) {
  add("content");
  world_.answer(200, "", {{"content-length", "7"}});

  EXPECT_FALSE(mirror_->run_once().failure);
  EXPECT_EQ(world_.asked.size(), 1U);
}

TEST_F(PackageMirrorTest, ReplacesWhatHasAnotherSize) {
  add("content");
  world_.answer(200, "", {{"content-length", "3"}});
  world_.answer(200, "");

  EXPECT_FALSE(mirror_->run_once().failure);
  ASSERT_EQ(world_.asked.size(), 2U);
  EXPECT_EQ(world_.header(1, "If-None-Match"), "");
}

TEST_F(PackageMirrorTest, WithoutListBucketTheWriteTellsThatItIsThere) {
  add("content");
  refuse(403, "AccessDenied");
  refuse(412, "PreconditionFailed");

  EXPECT_FALSE(mirror_->run_once().failure);
  EXPECT_FALSE(mirror_->run_once().failure);
  EXPECT_EQ(world_.asked.size(), 2U);
}

TEST_F(PackageMirrorTest, ARefusalIsToldWithTheRemedyAndEndsThePass) {
  add("one", "1.0.0");
  add("two", "2.0.0");
  refuse(404, "NoSuchKey");
  refuse(403, "AccessDenied");

  const auto pass = mirror_->run_once();

  ASSERT_TRUE(pass.failure);
  EXPECT_NE(pass.failure->message.find("allow s3:PutObject"), std::string::npos);
  EXPECT_NE(pass.failure->message.find("arn:aws:s3:::kept/*"), std::string::npos);
  EXPECT_EQ(world_.asked.size(), 2U);
}

TEST_F(PackageMirrorTest, WhatS3DidNotTakeIsPutLater) {
  const std::string sha256 = add("content");  // nobody answers: nothing in `answers`

  ASSERT_TRUE(mirror_->run_once().failure);
  EXPECT_TRUE(packages_->verify(sha256));
  world_.answer(404, "");
  world_.answer(200, "");

  EXPECT_EQ(mirror_->run_once().put, 1U);
}

TEST_F(PackageMirrorTest, WhatChangedOnTheDiskIsNotCopiedAndStopsNoOther) {
  const std::string changed = add("content", "2.0.0");
  add("other", "1.0.0");
  ASSERT_TRUE(write_file_atomically(packages_->path_of(changed), "CONTENT", 0600));
  // In whichever order they are listed.
  for (int i = 0; i < 3; ++i)
    world_.answers.emplace_back([](const net::FetchRequest& request) -> Result<net::FetchReply> {
      return net::FetchReply{.status = request.method == "HEAD" ? 404 : 200};
    });

  const auto pass = mirror_->run_once();

  ASSERT_TRUE(pass.failure);
  EXPECT_NE(pass.failure->message.find("changed on the disk"), std::string::npos);
  EXPECT_EQ(pass.put, 1U);
}

TEST_F(PackageMirrorTest, PublishesAPackageBeforeItsAddressIsGivenAway) {
  const std::string sha256 = add("content");
  const auto app = store_->app("hello");
  const auto package = store_->package("hello", sha256);
  ASSERT_TRUE(app && package);
  world_.answer(404, "");
  world_.answer(200, "");

  const auto url = mirror_->publish(*app, *package);

  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(*url, "s3://kept/default/hello/1.0.0/" + sha256 + ".apkg");
  EXPECT_EQ(world_.asked.back().method, "PUT");
  // Somebody may have removed it since: it is looked at each time.
  world_.answer(200, "", {{"content-length", "7"}});
  EXPECT_TRUE(mirror_->publish(*app, *package));
  EXPECT_EQ(world_.asked.size(), 3U);
}

TEST_F(PackageMirrorTest, PublishesNothingThatIsNowhere) {
  const std::string sha256 = add("content");
  const auto app = store_->app("hello");
  const auto package = store_->package("hello", sha256);
  ASSERT_TRUE(app && package);
  refuse(404, "NoSuchKey");
  refuse(403, "AccessDenied");
  const auto refused = mirror_->publish(*app, *package);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("allow s3:PutObject"), std::string::npos);

  fs::remove(packages_->path_of(sha256));
  world_.answer(404, "");
  EXPECT_EQ(mirror_->publish(*app, *package).error().code, ErrorCode::NotFound);
  world_.answer(200, "", {{"content-length", "7"}});
  EXPECT_TRUE(mirror_->publish(*app, *package)) << "the bucket has it";
}

TEST_F(PackageMirrorTest, FetchesBackWhatIsGoneFromTheDisk) {
  const std::string sha256 = add("content");
  fs::remove(packages_->path_of(sha256));
  world_.answer(200, "content", {{"content-length", "7"}, {"etag", "\"e\""}});

  const auto pass = mirror_->run_once();

  EXPECT_FALSE(pass.failure) << pass.failure->message;
  EXPECT_EQ(pass.fetched_back, 1U);
  EXPECT_EQ(world_.asked[0].url, url_of(sha256));
  EXPECT_TRUE(packages_->verify(sha256));
}

TEST_F(PackageMirrorTest, DoesNotTakeBackOtherBytesOrNothing) {
  const std::string sha256 = add("content");
  fs::remove(packages_->path_of(sha256));
  world_.answer(200, "CONTENT", {{"content-length", "7"}, {"etag", "\"e\""}});
  refuse(404, "NoSuchKey");

  EXPECT_EQ(mirror_->run_once().failure->code, ErrorCode::DataLoss);
  const auto missing = mirror_->run_once().failure;

  EXPECT_EQ(missing->code, ErrorCode::NotFound);
  EXPECT_NE(missing->message.find("deploy it again"), std::string::npos);
  EXPECT_FALSE(packages_->find(sha256));
}

TEST(PackageMirrorNames, KeysHaveFourSegmentsWhateverAVersionIs) {
  const auto key = [](const std::string& org, const std::string& version) {
    model::AgentApp app;
    app.id = "app";
    app.org = org;
    return mirror_key(app, {.sha256 = "d", .version = version});
  };
  EXPECT_EQ(key("acme", "1.2.3-rc.1+5"), "acme/app/1.2.3-rc.1+5/d.apkg");
  EXPECT_EQ(key("", "../a b"), "_/app/.._a_b/d.apkg");
  EXPECT_EQ(key(".", ".."), "_./app/_../d.apkg");
  EXPECT_EQ(key("o", std::string(500, 'v')).size(), kMaxMirrorKeyPart + 13);
}

TEST(PackageMirrorNames, TheBucketIsNoneOrOneThatS3Allows) {
  EXPECT_EQ(*packages_bucket({}), "");
  EXPECT_EQ(*packages_bucket({{"AGENT_PACKAGES_BUCKET", "pixell-agent-packages"}}),
            "pixell-agent-packages");
  for (const char* wrong : {"No_Bucket", "a/b", "s3://bucket"}) {
    const auto bucket = packages_bucket({{"AGENT_PACKAGES_BUCKET", wrong}});
    ASSERT_FALSE(bucket) << wrong;
    EXPECT_NE(bucket.error().message.find(wrong), std::string::npos);
  }
}

}  // namespace
}  // namespace pixell::cmd
