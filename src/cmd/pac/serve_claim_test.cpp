#include "cmd/pac/serve_claim.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "base/files.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/pac/testing/api_server.hpp"

namespace pixell::cmd {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class ServeClaimTest : public ::testing::Test {
 protected:
  Result<ServeClaim> claim(std::vector<std::string> listen = {"127.0.0.1:0"}) {
    return claim_state_and_ports(directory_ / "state", {.plain = std::move(listen)});
  }
  // Why the claim is refused; empty when it is not.
  std::string refusal(std::vector<std::string> listen) {
    const auto got = claim(std::move(listen));
    return got ? std::string() : got.error().message;
  }
  static std::string port_of(const ServeClaim& claim) {
    return claim.addresses.substr(claim.addresses.rfind(':') + 1);
  }
  // True when this process has the file open.
  static bool is_open(const fs::path& file) {
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd"))
      if (fs::read_symlink(entry.path(), gone) == file) return true;
    return false;
  }
  static unsigned mode_of(const fs::path& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_mode & 0777U;
  }

  TempDirectory directory_;
};

TEST_F(ServeClaimTest, MakesALockedStateDirectoryThatOthersCannotRead) {
  const auto got = claim();

  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(mode_of(directory_ / "state") & 0066U, 0U);
  EXPECT_EQ(mode_of(directory_ / "state/run"), 0700U);
  EXPECT_FALSE(lock_file(directory_ / "state/run/serve.lock", 0));
}

TEST_F(ServeClaimTest, OpensEveryListenerAndTellsItsPort) {
  const auto got = claim({"127.0.0.1:0", "[::1]:0"});

  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->listeners.plain.size(), 2U);
  EXPECT_THAT(got->addresses, MatchesRegex(R"(127\.0\.0\.1:[1-9][0-9]*, \[::1\]:[1-9][0-9]*)"));
}

TEST_F(ServeClaimTest, OpensEncryptedAndRedirectListenersToo) {
  const auto got = claim_state_and_ports(directory_ / "state", {.plain = {"127.0.0.1:0"},
                                                                .tls = {"127.0.0.1:0", "[::1]:0"},
                                                                .redirect = {"127.0.0.1:0"},
                                                                .edges = {"127.0.0.1:0"}});

  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->listeners.plain.size(), 1U);
  EXPECT_EQ(got->listeners.tls.size(), 2U);
  EXPECT_EQ(got->listeners.redirect.size(), 1U);
  EXPECT_EQ(got->listeners.edges.size(), 1U);
  EXPECT_EQ(got->listeners.all().back(), got->listeners.edges.front().get());
  EXPECT_THAT(got->tls_addresses, MatchesRegex(R"(127\.0\.0\.1:[1-9][0-9]*, \[::1\]:[1-9][0-9]*)"));
  EXPECT_THAT(got->redirect_addresses, MatchesRegex(R"(127\.0\.0\.1:[1-9][0-9]*)"));
  EXPECT_THAT(got->edge_addresses, MatchesRegex(R"(127\.0\.0\.1:[1-9][0-9]*)"));
}

TEST_F(ServeClaimTest, NamesTheOptionOfAnAddressThatIsTaken) {
  const UniqueFd taken = std::move(net::listen_tcp("127.0.0.1", 0).value());
  const std::string spec = "127.0.0.1:" + std::to_string(*net::bound_port(taken.get()));

  const auto tls = claim_state_and_ports(directory_ / "one", {.tls = {spec}});
  const auto redirect = claim_state_and_ports(directory_ / "two", {.redirect = {spec}});

  const auto edges = claim_state_and_ports(directory_ / "three", {.edges = {spec}});

  ASSERT_FALSE(tls || redirect || edges);
  EXPECT_THAT(tls.error().message, HasSubstr("--tls-listen " + spec));
  EXPECT_THAT(redirect.error().message, HasSubstr("--redirect-listen " + spec));
  EXPECT_THAT(edges.error().message, HasSubstr("--edge-listen " + spec));
}

TEST_F(ServeClaimTest, TellsThatAnotherServeUsesTheStateDirectory) {
  const auto first = claim();
  ASSERT_TRUE(first);

  const auto second = claim();

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::AlreadyExists);
  EXPECT_THAT(second.error().message,
              AllOf(HasSubstr("--state"), HasSubstr((directory_ / "state").string()),
                    HasSubstr("another `pac serve`"), HasSubstr("stop that one")));
}

TEST_F(ServeClaimTest, MayBeTakenAgainOnceItIsGivenBack) {
  std::string port;
  {
    const auto first = claim();
    ASSERT_TRUE(first);
    port = port_of(*first);
  }

  const auto second = claim({"127.0.0.1:" + port});

  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(port_of(*second), port);
}

TEST_F(ServeClaimTest, TellsThatAPortIsTaken) {
  testing::ApiServer other([](auto&, auto&) { return api::Reply{}; });
  const std::string taken = other.url().substr(std::string("http://").size());

  EXPECT_THAT(refusal({"127.0.0.1:0", taken}),
              AllOf(HasSubstr("--listen " + taken), HasSubstr("address already in use"),
                    HasSubstr("choose another address")));
}

TEST_F(ServeClaimTest, TakesTheOtherAddressWhenItIsFree) {
  UniqueFd taken = std::move(net::listen_tcp("127.0.0.1", 0).value());
  const std::string spec = "127.0.0.1:" + std::to_string(*net::bound_port(taken.get()));

  const auto without =
      claim_state_and_ports(directory_ / "one", {.plain = {"127.0.0.1:0"}, .also = spec});
  taken.reset();
  const auto with =
      claim_state_and_ports(directory_ / "two", {.plain = {"127.0.0.1:0"}, .also = spec});
  const auto wrong =
      claim_state_and_ports(directory_ / "three", {.plain = {"127.0.0.1:0"}, .also = "nowhere"});

  ASSERT_TRUE(without && with);
  EXPECT_EQ(without->listeners.plain.size(), 1U);
  EXPECT_THAT(without->missed, AllOf(HasSubstr("--also-listen " + spec), HasSubstr("in use")));
  EXPECT_EQ(with->listeners.plain.size(), 2U);
  EXPECT_THAT(with->addresses, HasSubstr(", " + spec));
  EXPECT_TRUE(with->missed.empty());
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("--also-listen 'nowhere'"));
}

TEST_F(ServeClaimTest, WaitsForThePortThatTheEdgeOfAKilledServeStillHolds) {
  UniqueFd former = std::move(net::listen_tcp("127.0.0.1", 0).value());
  const std::string spec = "127.0.0.1:" + std::to_string(*net::bound_port(former.get()));
  ASSERT_TRUE(make_directories(directory_ / "state/run"));
  std::ofstream(directory_ / "state/run/edge.pid") << "1\n";
  std::thread edge([&] {
    while (!is_open(directory_ / "state/run/serve.lock")) std::this_thread::yield();
    former.reset();
  });

  const auto got = claim({spec});

  edge.join();
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->addresses, spec);
}

struct BadListen {
  const char* name;
  std::string spec;
  std::vector<std::string> parts;
};

class ServeClaimBadListen : public ServeClaimTest,
                            public ::testing::WithParamInterface<BadListen> {};

TEST_P(ServeClaimBadListen, NamesOptionValueAndRemedy) {
  const std::string text = refusal({GetParam().spec});

  EXPECT_THAT(text, AllOf(HasSubstr("--listen"), HasSubstr(GetParam().spec)));
  for (const std::string& part : GetParam().parts) EXPECT_THAT(text, HasSubstr(part));
}

INSTANTIATE_TEST_SUITE_P(
    Specs, ServeClaimBadListen,
    ::testing::Values(BadListen{"NoPort", "127.0.0.1", {"address:port", "127.0.0.1:4000"}},
                      BadListen{"Empty", "", {"address:port"}},
                      BadListen{"EmptyPort", "127.0.0.1:", {"address:port"}},
                      BadListen{"PortTooLarge", "127.0.0.1:99999", {"up to 65535"}},
                      BadListen{"PortNegative", "127.0.0.1:-1", {"up to 65535"}},
                      BadListen{"PortWithRest", "127.0.0.1:80x", {"address:port"}},
                      BadListen{"V6WithoutBrackets", "::1:4000", {"[::1]:4000"}},
                      BadListen{"AName", "localhost:0", {"not a numeric address", "127.0.0.1"}},
                      BadListen{"NotOurs", "192.0.2.1:0", {"choose an address of this machine"}}),
    [](const auto& row) { return row.param.name; });

TEST_F(ServeClaimTest, RefusesMoreListenersThanItsLimit) {
  EXPECT_THAT(refusal(std::vector<std::string>(kMaxListeners + 1, "127.0.0.1:0")),
              HasSubstr("at most 16"));
}

TEST_F(ServeClaimTest, TellsThatTheStateDirectoryIsNotADirectory) {
  std::ofstream(directory_ / "state") << "a file";

  EXPECT_THAT(refusal({"127.0.0.1:0"}),
              AllOf(HasSubstr("--state " + (directory_ / "state").string()),
                    HasSubstr("choose a directory")));
}

TEST_F(ServeClaimTest, TellsThatItMayNotWrite) {
  ASSERT_TRUE(make_directories(directory_ / "state/run"));
  // Not even root opens a directory for writing: it stands for every file that may not be written.
  ASSERT_TRUE(make_directories(directory_ / "state/run/serve.lock"));

  EXPECT_THAT(refusal({"127.0.0.1:0"}),
              AllOf(HasSubstr("--state"), HasSubstr("choose a directory that this user may write"),
                    ::testing::Not(HasSubstr("another `pac serve`"))));
}

TEST_F(ServeClaimTest, RefusesAPathThatLeavesNoRoomForSockets) {
  const fs::path state = directory_ / std::string(100, 'x');

  const auto got = claim_state_and_ports(state, {});

  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message,
              AllOf(HasSubstr("--state " + state.string()), HasSubstr("choose a shorter one")));
}

TEST_F(ServeClaimTest, KnowsTheStateDirectoryByItsRealPath) {
  ASSERT_TRUE(make_directories(directory_ / "real"));
  fs::create_directory_symlink(directory_ / "real", directory_ / "state");

  const auto got = claim();

  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->state_dir, fs::canonical(directory_ / "real"));
}

}  // namespace
}  // namespace pixell::cmd
