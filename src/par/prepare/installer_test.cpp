#include "par/prepare/installer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "par/prepare/installer_environment.hpp"
#include "par/prepare/npm_registry.hpp"
#include "par/prepare/pip_report.hpp"
#include "par/prepare/program.hpp"

namespace pixell::prepare {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using testing::Not;
using testing::Pair;

TEST(InstallerEnvironment, HoldsNamedVariablesOnly) {
  EnvironmentRequest request;
  request.index_url = "https://index";
  request.env = {{"PATH", "/bin"},
                 {"https_proxy", "http://proxy"},
                 {"SSL_CERT_FILE", "/ca.pem"},
                 {"PIP_EXTRA_INDEX_URL", "https://more"},
                 {"UV_CACHE_DIR", "/cache"},
                 {"API_KEY", "secret"},
                 {"GIT_CONFIG_COUNT", "1"},
                 {"PIP_TARGET", "/etc"},
                 {"PYTHONPATH", "/tmp"},
                 {"UV_INDEX", "https://other"}};

  const auto env = installer_environment(request, "/scratch", false);

  EXPECT_THAT(env, Contains(Pair("PATH", "/bin")));
  EXPECT_THAT(env, Contains(Pair("https_proxy", "http://proxy")));
  EXPECT_THAT(env, Contains(Pair("SSL_CERT_FILE", "/ca.pem")));
  EXPECT_THAT(env, Contains(Pair("PIP_INDEX_URL", "https://index")));
  EXPECT_THAT(env, Contains(Pair("UV_EXTRA_INDEX_URL", "https://more")));
  EXPECT_THAT(env, Contains(Pair("UV_CACHE_DIR", "/scratch/cache")));
  for (const char* kept_back :
       {"API_KEY", "GIT_CONFIG_COUNT", "PIP_TARGET", "PYTHONPATH", "UV_INDEX"})
    EXPECT_THAT(env, Not(Contains(Key(kept_back))));
  EXPECT_THAT(installer_environment(request, "/scratch", true),
              Contains(Pair("UV_CACHE_DIR", "/cache")));
}

TEST(EnvironmentKey, CoversWhatChoosesArchives) {
  const EnvironmentRequest plain{.requirements = {.declared = {"dep"}},
                                 .wheelhouse = "/wheels",
                                 .env = {{"PIP_EXTRA_INDEX_URL", "https://u:old@more"}}};
  EnvironmentRequest other = plain;
  const auto key = EnvironmentStore::key_of(plain);

  other.env = {{"PIP_EXTRA_INDEX_URL", "https://u:new@more"}};
  EXPECT_EQ(EnvironmentStore::key_of(other), key) << "a password chooses nothing";
  other.env["PIP_EXTRA_INDEX_URL"] = "https://less";
  EXPECT_NE(EnvironmentStore::key_of(other), key);
  other = plain;
  other.wheelhouse = "/others";
  EXPECT_NE(EnvironmentStore::key_of(other), key);
  other = plain;
  other.env["HTTP_PROXY"] = "http://proxy";
  EXPECT_NE(EnvironmentStore::key_of(other), key);
  other = plain;
  other.requirements.archives = {{"x.whl", "00"}};
  EXPECT_NE(EnvironmentStore::key_of(other), key);
}

TEST(EnvironmentKey, OfTheBaseEnvironmentIsTheSameWhereverItsWheelsComeFrom) {
  const EnvironmentRequest plain{.base_lock = "a==1 --hash=sha256:00"};
  const auto key = EnvironmentStore::key_of(plain);

  EXPECT_EQ(EnvironmentStore::key_of({.base_lock = plain.base_lock,
                                      .index_url = "https://index",
                                      .wheelhouse = "/wheels",
                                      .is_offline = true,
                                      .env = {{"HTTP_PROXY", "http://proxy"}}}),
            key);
  EXPECT_NE(EnvironmentStore::key_of({.base_lock = "a==2 --hash=sha256:00"}), key);
}

TEST(NpmRegistryUrl, LosesItsPasswordToALineOfItsOwn) {
  const NpmRegistry plain = npm_registry("https://host/npm");
  EXPECT_EQ(plain.url, "https://host/npm");
  EXPECT_EQ(plain.credentials, "");

  const NpmRegistry secret = npm_registry("https://me:p%40ss@host:8080/npm");
  EXPECT_EQ(secret.url, "https://host:8080/npm");
  EXPECT_EQ(secret.credentials, "//host:8080/npm/:_auth=bWU6cEBzcw==\n");
}

TEST(PipReport, IsRefusedWhenItIsNone) {
  for (const char* text :
       {"", "[]", "{}", R"({"install": [{}]})",
        R"({"install": [{"download_info": {"url": 7}, "metadata": {"name": "a"}}]})",
        R"({"install": [{"download_info": [], "metadata": {"name": 1}}]})"}) {
    const auto lock = lock_of_report(text, {});
    ASSERT_FALSE(lock) << text;
    EXPECT_EQ(lock.error().cause, model::Cause::DependencyFailed);
  }
}

TEST(PipReport, HashesNoFileFromElsewhere) {
  const std::string report =
      R"({"install": [{"download_info": {"url": "file:///etc/passwd"},
          "metadata": {"name": "a", "version": "1"}}]})";

  EXPECT_FALSE(lock_of_report(report, {"/usr"}));
  EXPECT_THAT(lock_of_report(report, {"/etc"}).value_or(""), HasSubstr("a==1 --hash=sha256:"));
}

ProgramRun shell(const std::string& script) {
  return {.argv = {"/bin/sh", "-c", script}, .env = own_environment(), .timeout = Millis(60'000)};
}

bool is_gone(const std::string& pid) { return !pid.empty() && !fs::exists("/proc/" + pid); }

TEST(RunProgram, EndsWithTheProgramAndEndsWhatItLeaves) {
  // A session of its own holds the output open: neither is waited for.
  const auto end = run_program(shell("setsid sleep 600 & echo $!"));

  ASSERT_TRUE(end) << end.error().message;
  EXPECT_TRUE(end->is_success());
  EXPECT_TRUE(is_gone(end->output.substr(0, end->output.find('\n')))) << end->output;
}

TEST(RunProgram, EndsWhatAProgramThatTakesTooLongLeaves) {
  ProgramRun run = shell("setsid sleep 600 & echo $!; exec sleep 600");
  run.timeout = Millis(1'000);
  const auto end = run_program(run);

  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::DeadlineExceeded);
  EXPECT_TRUE(is_gone(end.error().detail.substr(0, end.error().detail.find('\n'))));
}

TEST(RunProgram, TakesAllOutputOfAProgramThatHasEnded) {
  const auto end = run_program(shell("head -c 300000 /dev/zero | tr '\\0' x; exit 3"));

  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->output.size(), 300'000U);
  EXPECT_EQ(end->status.code, 3);
  EXPECT_FALSE(end->is_out_of_memory);
}

TEST(RunProgram, RunsAsAUserWithoutRights) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can choose a user";
  ProgramRun run =
      shell("id -u; grep -E '^(NoNewPrivs|CapEff|CapBnd|Groups)' /proc/self/status; ulimit -c");
  run.user = 1'200'000;
  const auto end = run_program(run);

  ASSERT_TRUE(end) << end.error().message;
  EXPECT_THAT(end->output, HasSubstr("1200000\n"));
  EXPECT_THAT(end->output, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(end->output, HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_TRUE(end->output.ends_with("\n0\n")) << end->output;
}

}  // namespace
}  // namespace pixell::prepare
