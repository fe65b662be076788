#include "aws/credentials.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "aws/credential_sources.hpp"
#include "aws/limits.hpp"
#include "aws/profile_file.hpp"
#include "aws/testing/fake_outside.hpp"
#include "base/testing/temp_directory.hpp"

namespace pixell::aws {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHandedOut =
    R"({"AccessKeyId":"ASIA","SecretAccessKey":"s","Token":"t","Expiration":"2023-11-15T00:00:00Z"})";
constexpr const char* kAssumed =
    "<R><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s"
    "</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2023-11-15T00:00:00Z</Expiration>"
    "</Credentials></AssumeRoleResult></R>";

struct CredentialsTest : testing::Test {
  CredentialsTest() {
    env["HOME"] = folder.path().string();
    env["AWS_EC2_METADATA_DISABLED"] = "true";
  }

  std::string file(const char* name, const std::string& text) {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  }
  Result<Credentials> find() { return find_credentials(world.outside(), env); }

  FakeOutside world;
  Environment env;
  TempDirectory folder;
};

TEST_F(CredentialsTest, OfTheContainerWhenAnAgentHasItsOwn) {
  env["AWS_ACCESS_KEY_ID"] = "AKID";
  env["AWS_SECRET_ACCESS_KEY"] = "s";
  env["AWS_PROFILE"] = "mine";
  env["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/token";
  env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2";
  world.answer(200, kHandedOut);

  const auto found = find_credentials(world.outside(), without_own_credentials(env));

  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->access_key, "ASIA");
}

TEST_F(CredentialsTest, ComeFromTheEnvironmentFirst) {
  env["AWS_ACCESS_KEY_ID"] = "AKID";
  env["AWS_SECRET_ACCESS_KEY"] = "s";
  env["AWS_SESSION_TOKEN"] = "t";
  env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2";

  const auto found = find();

  ASSERT_TRUE(found);
  EXPECT_EQ(found->access_key, "AKID");
  EXPECT_EQ(found->session_token.reveal(), "t");
  EXPECT_TRUE(world.asked.empty());
}

TEST_F(CredentialsTest, NamesTheMissingHalf) {
  env["AWS_ACCESS_KEY_ID"] = "AKID";
  EXPECT_NE(find().error().message.find("AWS_SECRET_ACCESS_KEY is not"), std::string::npos);
}

TEST_F(CredentialsTest, ComeFromAWebIdentityWithoutASignature) {
  env["AWS_WEB_IDENTITY_TOKEN_FILE"] = file("token", "jwt\n");
  env["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/r";
  env["AWS_REGION"] = "us-east-2";
  world.answer(200, kAssumed);

  const auto found = find();

  ASSERT_TRUE(found);
  EXPECT_EQ(found->access_key, "ASIA");
  EXPECT_EQ(*found->expires_at, 1'700'006'400'000);
  EXPECT_EQ(world.asked[0].url, "https://sts.us-east-2.amazonaws.com/");
  EXPECT_NE(world.asked[0].body.find("WebIdentityToken=jwt"), std::string::npos);
  EXPECT_EQ(world.header(0, "Authorization"), "");
}

TEST_F(CredentialsTest, ComeFromTheProfileAndItsRole) {
  file(".aws/credentials", "# keys\n[base]\naws_access_key_id = AKID\naws_secret_access_key=s\n");
  file(".aws/config",
       "[default]\nregion=eu-west-1\n[profile dev]\nrole_arn = arn:aws:iam::1:role/r\n"
       "source_profile = base\nregion = us-east-2\ns3 =\n  max = 1\n[sso-session x]\na=b\n");
  env["AWS_PROFILE"] = "dev";
  world.answer(200, kAssumed);

  const auto found = find();

  ASSERT_TRUE(found);
  EXPECT_EQ(found->access_key, "ASIA");
  EXPECT_NE(world.header(0, "Authorization").find("AKID/20231114/us-east-2/sts"),
            std::string::npos);
  EXPECT_EQ(find_region(env), "us-east-2");
}

TEST_F(CredentialsTest, RefuseProfilesThatAreNotThereLoopOrAreOfAnotherKind) {
  file(".aws/config",
       "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=r\nsource_profile=a\n"
       "[profile p]\ncredential_process = x\n");
  for (const auto& [profile, why] :
       std::map<std::string, std::string>{{"none", "there is no profile 'none'"},
                                          {"a", "leads on by source_profile"},
                                          {"p", "uses credential_process"}}) {
    env["AWS_PROFILE"] = profile;
    const auto found = find();
    ASSERT_FALSE(found);
    EXPECT_NE(found.error().message.find(why), std::string::npos) << found.error().message;
  }
}

TEST_F(CredentialsTest, NameTheLineOfABadProfileFile) {
  file(".aws/config", "[default]\nwhat\n");
  EXPECT_NE(find().error().message.find("config: line 2 "), std::string::npos);
}

TEST_F(CredentialsTest, ComeFromTheContainerWithItsTokenReadAnew) {
  env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1:9/creds";
  env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = file("t", "first\n");
  world.answer(500, "");
  world.answer(200, kHandedOut);
  ASSERT_TRUE(find());
  file("t", "second\n");
  world.answer(200, kHandedOut);
  ASSERT_TRUE(find());

  EXPECT_EQ(world.asked[0].url, "http://127.0.0.1:9/creds");
  EXPECT_EQ(world.header(1, "Authorization"), "first");
  EXPECT_EQ(world.header(2, "Authorization"), "second");
}

TEST_F(CredentialsTest, DoNotComeFromForeignHostsOverPlainHttp) {
  for (const char* url : {"http://example.com/", "http://127.0.0.1.example.com/",
                          "http://169.254.170.2.example.com/", "http://10.0.0.1/"}) {
    env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    EXPECT_EQ(find().error().code, ErrorCode::Unauthenticated) << url;
  }
  env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "@example.com/";
  EXPECT_EQ(find().error().code, ErrorCode::Unauthenticated);
  EXPECT_TRUE(world.asked.empty());
}

TEST_F(CredentialsTest, ComeFromTheInstanceWithAToken) {
  env.erase("AWS_EC2_METADATA_DISABLED");
  world.answer(200, "metadata-token");
  world.answer(200, "my-role\n");
  world.answer(200, kHandedOut);

  ASSERT_TRUE(find());

  EXPECT_EQ(world.asked[0].method, "PUT");
  EXPECT_EQ(world.header(2, "X-aws-ec2-metadata-token"), "metadata-token");
  EXPECT_TRUE(world.asked[2].url.ends_with("/security-credentials/my-role"));
}

TEST_F(CredentialsTest, SaysWhereItLookedWhenThereAreNone) {
  const auto found = find();

  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::Unauthenticated);
  EXPECT_NE(found.error().message.find("AWS_ACCESS_KEY_ID"), std::string::npos);
}

struct CachedTest : testing::Test {
  Result<Credentials> fetch() {
    ++fetches;
    if (is_broken) return make_error(ErrorCode::Unavailable, "no");
    Credentials given{.access_key = std::to_string(fetches), .secret_key = {}, .session_token = {}};
    given.expires_at = clock.unix_now() + life.count();
    return given;
  }
  std::string get() {
    const auto given = cached.get({});
    return given ? given->access_key : given.error().message;
  }
  FakeClock clock;
  std::atomic<int> fetches{0};
  bool is_broken = false;
  Millis life = std::chrono::hours(6);
  CachedCredentials cached{clock, [this] { return fetch(); }};
};

TEST_F(CachedTest, RenewsAQuarterOfAnHourBeforeTheEnd) {
  EXPECT_EQ(get() + get(), "11");
  clock.advance(life - kAdvisoryRefresh - Millis(1));
  EXPECT_EQ(get(), "1");
  clock.advance(Millis(1));
  EXPECT_EQ(get(), "2");
}

TEST_F(CachedTest, RenewsShortLivedOnesAtTheirHalf) {
  life = std::chrono::minutes(10);
  get();
  clock.advance(std::chrono::minutes(4));
  EXPECT_EQ(get(), "1");
  clock.advance(std::chrono::minutes(1));
  EXPECT_EQ(get(), "2");
}

TEST_F(CachedTest, KeepsOldOnesWhileRenewingFailsAndNoLonger) {
  get();
  is_broken = true;
  clock.advance(life - kMandatoryRefresh);
  EXPECT_EQ(get() + get(), "11");
  EXPECT_EQ(fetches, 2);  // the second one did not ask again
  clock.advance(kRefreshPause);
  EXPECT_EQ(get(), "1");
  EXPECT_EQ(fetches, 3);
  clock.advance(kMandatoryRefresh);
  EXPECT_EQ(get(), "no");
}

TEST_F(CachedTest, ForgetsWhatWasRejectedOnce) {
  const auto first = cached.get({});
  cached.reject(*first);
  EXPECT_EQ(get(), "2");
  cached.reject(*first);
  EXPECT_EQ(get(), "2");
}

TEST(Cached, FetchesOnceForManyThreads) {
  FakeClock clock;
  std::atomic<int> fetches{0};
  std::atomic<int> arrived{0};
  constexpr int kThreads = 8;
  CachedCredentials cached(clock, [&]() -> Result<Credentials> {
    ++fetches;
    while (arrived < kThreads) std::this_thread::yield();
    return Credentials{.access_key = "A", .secret_key = {}, .session_token = {}};
  });
  std::vector<std::jthread> threads;
  std::atomic<int> served{0};
  for (int each = 0; each < kThreads; ++each)
    threads.emplace_back([&] {
      ++arrived;
      if (cached.get({})) ++served;
    });
  threads.clear();

  EXPECT_EQ(served, kThreads);
  EXPECT_EQ(fetches, 1);
}

TEST(Cached, StopsWaitingWhenStopped) {
  FakeClock clock;
  std::atomic<bool> is_fetching{false};
  std::atomic<bool> may_end{false};
  CachedCredentials cached(clock, [&]() -> Result<Credentials> {
    is_fetching = true;
    while (!may_end) std::this_thread::yield();
    return make_error(ErrorCode::Unavailable, "no");
  });
  std::jthread first([&] { (void)cached.get({}); });
  while (!is_fetching) std::this_thread::yield();
  std::stop_source stop;
  stop.request_stop();

  EXPECT_EQ(cached.get(stop.get_token()).error().code, ErrorCode::Cancelled);
  may_end = true;
}

}  // namespace
}  // namespace pixell::aws
