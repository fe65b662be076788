#include "aws/s3.hpp"

#include <gtest/gtest.h>

#include "aws/testing/fake_outside.hpp"

namespace pixell::aws {
namespace {

const std::vector<std::pair<std::string, std::string>> kTagged{{"etag", "\"e\""}};

struct S3Test : testing::Test {
  Answer<ObjectInfo> download(std::uint64_t max_bytes = 1000) {
    return s3.download(
        {.from = {.bucket = "packages", .key = "a b/c.apkg"},
         .max_bytes = max_bytes,
         .sink = [this](std::string_view bytes) -> Result<void> {
           got += bytes;
           return {};
         },
         .on_failed_attempt =
             [this](const FailedDownload& failed) { failures.push_back(failed.attempt); }});
  }
  net::FetchReply head(int status, std::vector<std::pair<std::string, std::string>> headers) {
    return {.status = status, .headers = std::move(headers)};
  }

  FakeOutside world;
  S3 s3{
      world.outside(),
      {{"AWS_ACCESS_KEY_ID", "AKID"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_REGION", "us-east-2"}}};
  std::string got;
  std::vector<int> failures;
};

TEST_F(S3Test, DownloadsFromTheHostOfTheBucket) {
  world.answer(200, "abc", kTagged);

  const auto info = download();

  ASSERT_TRUE(info);
  EXPECT_EQ(got, "abc");
  EXPECT_EQ(info->bytes, 3U);
  EXPECT_EQ(info->etag, "\"e\"");
  EXPECT_EQ(world.asked[0].url, "https://packages.s3.us-east-2.amazonaws.com/a%20b/c.apkg");
}

TEST_F(S3Test, PutsTheBucketIntoThePathBehindAnEndpointAndWithDots) {
  S3 local(world.outside(), {{"AWS_ACCESS_KEY_ID", "A"},
                             {"AWS_SECRET_ACCESS_KEY", "s"},
                             {"AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9"}});
  world.answer(200, "", kTagged);
  world.answer(200, "", kTagged);

  EXPECT_TRUE(local.head({.bucket = "packages", .key = "k"}));
  EXPECT_TRUE(s3.head({.bucket = "pack.ages", .key = "k"}));

  EXPECT_EQ(world.asked[0].url, "http://127.0.0.1:9/packages/k");
  EXPECT_EQ(world.asked[1].url, "https://s3.us-east-2.amazonaws.com/pack.ages/k");
}

TEST_F(S3Test, TakesABrokenConnectionUpWhereItBroke) {
  world.break_off("abc", head(200, {{"etag", "\"e\""}, {"content-length", "6"}}));
  world.break_off("d", head(206, {{"etag", "\"e\""}, {"content-range", "bytes 3-5/6"}}));
  world.answer(206, "ef", {{"etag", "\"e\""}, {"content-range", "bytes 4-5/6"}});

  const auto info = download();

  ASSERT_TRUE(info);
  EXPECT_EQ(got, "abcdef");
  EXPECT_EQ(info->bytes, 6U);
  EXPECT_EQ(world.header(1, "Range"), "bytes=3-");
  EXPECT_EQ(world.header(1, "If-Match"), "\"e\"");
  EXPECT_EQ(world.header(2, "Range"), "bytes=4-");
  EXPECT_EQ(failures, (std::vector{1, 1}));
}

TEST_F(S3Test, DoesNotGlueTwoObjectsTogether) {
  world.break_off("abc", head(200, kTagged));
  world.answer(412, "<Error><Code>PreconditionFailed</Code></Error>");
  const auto replaced = download();
  world.break_off("abc", head(200, kTagged));
  world.answer(200, "xyz", kTagged);
  got.clear();
  const auto whole = download();

  EXPECT_EQ(replaced.error().code, ErrorCode::FailedPrecondition);
  EXPECT_EQ(whole.error().code, ErrorCode::DataLoss);
  EXPECT_EQ(got, "abc");
}

TEST_F(S3Test, GivesUpAfterItsAttemptsWithoutAByte) {
  EXPECT_EQ(download().error().code, ErrorCode::Unavailable);
  EXPECT_EQ(world.asked.size(), 3U);

  for (int each = 0; each < 3; ++each) world.answer(503, "<Error><Code>SlowDown</Code></Error>");
  EXPECT_EQ(download().error().code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(world.asked.size(), 6U);
}

TEST_F(S3Test, DoesNotRepeatWhatIsForbiddenOrMissing) {
  world.answer(403, "<Error><Code>AccessDenied</Code><RequestId>R</RequestId></Error>");
  const auto forbidden = download();
  world.answer(404, "<Error><Code>NoSuchKey</Code></Error>");
  const auto missing = download();

  EXPECT_EQ(forbidden.error().code, ErrorCode::PermissionDenied);
  EXPECT_EQ(forbidden.error().request_id, "R");
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  EXPECT_EQ(world.asked.size(), 2U);
}

TEST_F(S3Test, RefusesWhatIsTooLargeBeforeItComes) {
  world.answer(200, "abcdef", {{"content-length", "6"}});

  const auto info = download(5);

  EXPECT_EQ(info.error().code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(got, "");
}

TEST_F(S3Test, FollowsABucketToItsRegionAndRemembers) {
  world.answer(301, "<Error><Code>PermanentRedirect</Code></Error>",
               {{"x-amz-bucket-region", "eu-west-1"}});
  world.answer(200, "abc", kTagged);
  world.answer(200, "", kTagged);

  ASSERT_TRUE(download());
  ASSERT_TRUE(s3.head({.bucket = "packages", .key = "k"}));

  EXPECT_EQ(got, "abc");
  EXPECT_NE(world.asked[1].url.find("s3.eu-west-1."), std::string::npos);
  EXPECT_NE(world.asked[2].url.find("s3.eu-west-1."), std::string::npos);
  EXPECT_NE(world.header(1, "Authorization").find("/eu-west-1/s3/"), std::string::npos);
}

TEST_F(S3Test, SaysWhatToDoAboutARegionThatIsNotNamed) {
  world.answer(301, "<Error><Code>PermanentRedirect</Code></Error>");

  const auto info = download();

  ASSERT_FALSE(info);
  EXPECT_NE(info.error().message.find("set AWS_REGION"), std::string::npos);
}

TEST_F(S3Test, WritesWithAChecksumAndOnlyWhatIsNewWhenAsked) {
  world.answer(200, "", kTagged);

  const auto info = s3.put({.to = {.bucket = "packages", .key = "k"},
                            .body = "abc",
                            .metadata = {{"sha256", "x"}},
                            .must_be_new = true});

  ASSERT_TRUE(info);
  EXPECT_EQ(world.header(0, "x-amz-checksum-sha256"),
            "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
  EXPECT_EQ(world.asked[0].body, "abc");
  EXPECT_EQ(world.header(0, "If-None-Match"), "*");
  EXPECT_EQ(world.header(0, "x-amz-meta-sha256"), "x");
}

TEST_F(S3Test, ListsPageByPage) {
  world.answer(200,
               "<ListBucketResult><NextContinuationToken>n/1</NextContinuationToken><Contents>"
               "<Key>a&amp;b</Key><Size>7</Size></Contents></ListBucketResult>");
  world.answer(200, "<ListBucketResult/>");

  const auto page = s3.list("packages", "p/");
  const auto last = s3.list("packages", "p/", page->next);

  ASSERT_TRUE(page && last);
  EXPECT_EQ(page->objects[0].key, "a&b");
  EXPECT_EQ(page->objects[0].bytes, 7U);
  EXPECT_TRUE(last->next.empty());
  EXPECT_TRUE(world.asked[1].url.ends_with("continuation-token=n%2F1&list-type=2&prefix=p%2F"))
      << world.asked[1].url;
}

}  // namespace
}  // namespace pixell::aws
