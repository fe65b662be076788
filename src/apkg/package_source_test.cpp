#include "apkg/package_source.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "apkg/digest.hpp"
#include "apkg/testing/directory_test.hpp"
#include "base/testing/fake_clock.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::apkg {
namespace {

namespace fs = std::filesystem;
using model::Cause;

// A scripted internet: each fetch takes the next answer.
class PackageSource : public testing::DirectoryTest {
 protected:
  struct Answer {
    int status = 200;
    std::string body;
    std::string location{};
    std::string address = "93.184.216.34";
    Error error{};  // when status is 0
    Millis takes{0};
  };

  Result<net::FetchReply> reply(const net::FetchRequest& request) {
    urls_.push_back(request.url);
    timeouts_.push_back(request.timeout);
    stalls_.push_back(request.stall_timeout);
    if (answers_.empty()) return make_error(ErrorCode::Internal, "an unexpected fetch");
    const Answer answer = answers_.front();
    answers_.pop_front();
    clock_.advance(answer.takes);
    if (request.allow_address) TRY_VOID(request.allow_address(answer.address));
    if (answer.status == 0) return answer.error;
    for (std::size_t at = 0; at < answer.body.size(); at += 4)
      TRY_VOID(request.sink(std::string_view(answer.body).substr(at, 4)));
    net::FetchReply reply{.status = answer.status, .headers = {}, .body = {}};
    if (!answer.location.empty()) reply.headers.emplace_back("location", answer.location);
    return reply;
  }

  Checked<FetchedPackage> fetch(PackageRequest request = {}) {
    if (request.url.empty()) request.url = "https://files.example.com/a/p.apkg?sig=secret";
    const PackageSourceParts parts{
        .clock = clock_,
        .sleep = [this](Millis pause) { sleeps_.push_back(pause), clock_.advance(pause); },
        .fetch = [this](const net::FetchRequest& one) { return reply(one); },
        .on_failed_attempt = [this](const FailedAttempt& one) { failed_.push_back(one); },
        .download = {}};
    auto fetched = fetch_package(request, root_ / "p", parts);
    EXPECT_FALSE(fs::exists(root_ / "p.downloading"));
    EXPECT_EQ(fs::exists(root_ / "p"), fetched.has_value());
    if (!fetched) {
      std::string all = fetched.error().message;
      for (const auto& line : fetched.error().evidence) all += line;
      EXPECT_EQ(all.find("secret"), std::string::npos) << all;
    }
    return fetched;
  }

  static Answer broken() {
    return {.status = 0, .body = {}, .error = make_error(ErrorCode::Unavailable, "reset by peer")};
  }

  FakeClock clock_;
  std::deque<Answer> answers_;
  std::vector<std::string> urls_;
  std::vector<Millis> stalls_;
  std::vector<Millis> timeouts_, sleeps_;
  std::vector<FailedAttempt> failed_;
};

TEST_F(PackageSource, StoresWhatItFetched) {
  answers_ = {{.body = "package bytes"}};

  const auto fetched = fetch({.url = {}, .sha256 = sha256_of("package bytes")});

  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(fetched->bytes, 13U);
  EXPECT_EQ(fetched->sha256, sha256_of("package bytes"));
  EXPECT_EQ(content_of(root_ / "p"), "package bytes");
  EXPECT_EQ(mode_of(root_ / "p"), 0600U);
}

TEST_F(PackageSource, TakesADigestInUpperCase) {
  answers_ = {{.body = "x"}};
  std::string digest = sha256_of("x");
  for (char& c : digest) c = static_cast<char>(::toupper(c));

  EXPECT_TRUE(fetch({.url = {}, .sha256 = digest}));
}

TEST_F(PackageSource, DoesNotTryAWrongDigestAgain) {
  answers_ = {{.body = "other"}, {.body = "x"}};

  EXPECT_EQ(fetch({.url = {}, .sha256 = sha256_of("x")}).error().cause, Cause::DigestMismatch);
  EXPECT_EQ(urls_.size(), 1U);
}

TEST_F(PackageSource, TriesThreeTimesWithGrowingPauses) {
  answers_ = {broken(), {.status = 503, .body = "busy"}, {.body = "fine"}};

  ASSERT_TRUE(fetch());
  EXPECT_EQ(content_of(root_ / "p"), "fine");
  EXPECT_EQ(sleeps_, (std::vector<Millis>{Millis(300), Millis(600)}));
  ASSERT_EQ(failed_.size(), 2U);
  EXPECT_EQ(failed_[0].attempt, 1);
  EXPECT_NE(failed_[0].error.find("reset by peer"), std::string::npos);
  EXPECT_EQ(failed_[1].remaining, Millis(59'700));
}

TEST_F(PackageSource, GivesUpAfterThreeAttempts) {
  answers_ = {broken(), broken(), broken(), {.body = "never reached"}};

  const auto fetched = fetch();

  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().cause, Cause::DownloadFailed);
  EXPECT_EQ(fetched.error().message, "Failed to fetch package after 3 attempts");
  EXPECT_EQ(urls_.size(), 3U);
}

TEST_F(PackageSource, HoldsOneDeadlineForAllAttempts) {
  Answer slow = broken();
  slow.takes = Millis(40'000);
  answers_ = {slow, slow, slow};

  EXPECT_FALSE(fetch());
  EXPECT_EQ(timeouts_, (std::vector<Millis>{Millis(60'000), Millis(19'700)}));
}

TEST_F(PackageSource, TriesAgainWhatStandsStill) {
  Answer stalled = broken();
  stalled.error = make_error(ErrorCode::DeadlineExceeded, "too slow");
  stalled.takes = kFetchStall;
  answers_ = {stalled, {.body = "ok"}};

  ASSERT_TRUE(fetch());
  EXPECT_EQ(stalls_, (std::vector<Millis>{kFetchStall, kFetchStall}));
}

TEST_F(PackageSource, DoesNotTryARefusalAgain) {
  for (const auto& [status, cause] : {std::pair{404, Cause::PackageNotFound},
                                      {410, Cause::PackageNotFound},
                                      {403, Cause::DownloadFailed},
                                      {400, Cause::DownloadFailed},
                                      {206, Cause::DownloadFailed}}) {
    urls_.clear();
    answers_ = {{.status = status, .body = "no"}, {.body = "yes"}};
    const auto fetched = fetch();
    ASSERT_FALSE(fetched) << status;
    EXPECT_EQ(fetched.error().cause, cause) << status;
    EXPECT_EQ(urls_.size(), 1U) << status;
  }
}

TEST_F(PackageSource, StopsWhenThePackageIsTooLarge) {
  answers_ = {{.body = "123456789"}};

  EXPECT_EQ(fetch({.url = {}, .sha256 = {}, .max_bytes = 8}).error().cause, Cause::PackageTooLarge);
  EXPECT_EQ(urls_.size(), 1U);
}

TEST_F(PackageSource, FollowsRedirectsOnHttpsOnly) {
  answers_ = {{.status = 302, .body = "moved", .location = "/b/q.apkg?s=1"},
              {.status = 307, .body = {}, .location = "r.apkg"},
              {.status = 308, .body = {}, .location = "//cdn.example.com/s"},
              {.body = "ok"}};

  ASSERT_TRUE(fetch());
  EXPECT_EQ(content_of(root_ / "p"), "ok");
  EXPECT_EQ(urls_[1], "https://files.example.com/b/q.apkg?s=1");
  EXPECT_EQ(urls_[2], "https://files.example.com/b/r.apkg");
  EXPECT_EQ(urls_[3], "https://cdn.example.com/s");
  fs::remove(root_ / "p");

  for (const char* place : {"http://files.example.com/p", "file:///etc/passwd", "s3://b/k"}) {
    answers_ = {{.status = 302, .body = {}, .location = place}, {.body = "bad"}};
    EXPECT_EQ(fetch({.url = "https://files.example.com/p"}).error().cause, Cause::DownloadFailed)
        << place;
  }
}

TEST_F(PackageSource, FollowsOnlySoManyRedirects) {
  for (int i = 0; i <= kMaxFetchRedirects; ++i)
    answers_.push_back({.status = 302, .body = {}, .location = "/again"});

  const auto fetched = fetch();

  ASSERT_FALSE(fetched);
  EXPECT_EQ(urls_.size(), std::size_t{kMaxFetchRedirects} + 1);
}

TEST_F(PackageSource, RefusesPrivateAddressesAlsoAfterARedirect) {
  answers_ = {{.body = "secret", .address = "169.254.169.254"}};
  const auto direct = fetch();
  ASSERT_FALSE(direct);
  EXPECT_EQ(direct.error().cause, Cause::DownloadFailed);
  EXPECT_NE(direct.error().remedy.find("PACKAGE_URL_ALLOW_HOSTS"), std::string::npos);

  answers_ = {{.status = 302, .body = {}, .location = "https://inner/p"},
              {.body = "x", .address = "10.0.0.1"}};
  EXPECT_FALSE(fetch());
  EXPECT_TRUE(answers_.empty());
}

TEST_F(PackageSource, LetsNamedHostsHavePrivateAddresses) {
  answers_ = {{.body = "x", .address = "10.0.0.1"}};

  EXPECT_TRUE(fetch({.url = {}, .sha256 = {}, .allow_hosts = {"Files.Example.com"}}));
}

TEST_F(PackageSource, SaysWhatIsWrongWithTheRequest) {
  EXPECT_EQ(fetch({.url = "http://a/b"}).error().cause, Cause::ConfigInvalid);
  EXPECT_EQ(fetch({.url = {}, .sha256 = "abc"}).error().cause, Cause::ConfigInvalid);
  const auto s3 = fetch({.url = "s3://bucket/key"});
  EXPECT_EQ(s3.error().cause, Cause::ConfigInvalid);
  EXPECT_NE(s3.error().remedy.find("https://"), std::string::npos);
  EXPECT_TRUE(urls_.empty());
}

struct FromS3 : PackageSource {
  // Fetches s3://bucket/key from a client that delivers `bytes` and then returns `answer`.
  Checked<FetchedPackage> fetch_object(std::string bytes, aws::Answer<aws::ObjectInfo> answer,
                                       PackageRequest request = {}) {
    request.url = "s3://bucket/key";
    const PackageSourceParts parts{
        .clock = clock_,
        .sleep = {},
        .fetch = {},
        .on_failed_attempt = {},
        .download = [&](const aws::ObjectDownload& wanted) -> aws::Answer<aws::ObjectInfo> {
          asked_ = wanted.from;
          if (const auto taken = wanted.sink(bytes); !taken)
            return std::unexpected(
                aws::AwsError{.code = taken.error().code, .call = "s3", .message = "sink"});
          return answer;
        }};
    return fetch_package(request, root_ / "p", parts);
  }
  static aws::Answer<aws::ObjectInfo> refused(ErrorCode code, aws::Remedy remedy) {
    return std::unexpected(aws::AwsError{.code = code,
                                         .call = "s3 GetObject",
                                         .name = "Name",
                                         .message = "m",
                                         .request_id = "R1",
                                         .status = 400,
                                         .remedy = remedy});
  }
  aws::S3Location asked_;
};

TEST_F(FromS3, KeepsAnObjectThatIsAllThere) {
  const auto fetched = fetch_object("abc", aws::ObjectInfo{.bytes = 3, .etag = {}});

  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(fetched->sha256, sha256_of("abc"));
  EXPECT_EQ(asked_.bucket + asked_.key, "bucketkey");
  EXPECT_TRUE(fs::exists(root_ / "p"));
}

TEST_F(FromS3, TellsEachFailureWithItsCauseRequestAndRemedy) {
  const auto cause_of = [&](ErrorCode code, aws::Remedy remedy = aws::Remedy::None) {
    const auto failed = fetch_object("a", refused(code, remedy));
    EXPECT_NE(failed.error().evidence[0].find("[request R1]"), std::string::npos);
    EXPECT_FALSE(fs::exists(root_ / "p"));
    return std::pair(failed.error().cause, failed.error().remedy);
  };

  EXPECT_EQ(cause_of(ErrorCode::NotFound).first, Cause::PackageNotFound);
  EXPECT_EQ(cause_of(ErrorCode::PermissionDenied).first, Cause::DownloadFailed);
  EXPECT_NE(cause_of(ErrorCode::PermissionDenied).second.find("arn:aws:s3:::bucket/*"),
            std::string::npos);
  EXPECT_NE(cause_of(ErrorCode::Unauthenticated).second.find("task role"), std::string::npos);
  EXPECT_NE(cause_of(ErrorCode::FailedPrecondition).second.find("replaced"), std::string::npos);
  EXPECT_NE(
      cause_of(ErrorCode::InvalidArgument, aws::Remedy::OtherRegion).second.find("AWS_REGION"),
      std::string::npos);
}

TEST_F(FromS3, ChecksSizeAndDigest) {
  const aws::ObjectInfo done{.bytes = 3, .etag = {}};

  EXPECT_EQ(fetch_object("abc", done, {.url = {}, .max_bytes = 2}).error().cause,
            Cause::PackageTooLarge);
  EXPECT_EQ(fetch_object("abc", done, {.url = {}, .sha256 = sha256_of("x")}).error().cause,
            Cause::DigestMismatch);
}

}  // namespace
}  // namespace pixell::apkg
