#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/testing/fake_clock.hpp"
#include "cmd/pac/api_client.hpp"
#include "cmd/pac/command_line.hpp"
#include "cmd/pac/testing/api_server.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace pixell::cmd {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// How a command ended, and what it printed.
struct Ran {
  int exit_code = -1;
  std::string out;
  std::string err;
};

Ran pac(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "pac");
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Ran ran;
  ran.exit_code = run_command_line(static_cast<int>(argv.size()), argv.data(), {});
  ran.out = ::testing::internal::GetCapturedStdout();
  ran.err = ::testing::internal::GetCapturedStderr();
  return ran;
}

// The real API on a store of its own. Nothing carries deployments out: they stay queued.
class UserCommandsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = store::make_sqlite_store(directory_ / "pixell.db", clock_);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    auto packages = apkg::PackageStore::open(directory_ / "packages");
    ASSERT_TRUE(packages) << packages.error().message;
    packages_.emplace(std::move(*packages));
    context_.emplace(
        api::ApiContext{.store = *store_,
                        .packages = *packages_,
                        .clock = clock_,
                        .log = Log(-1),
                        .allow_file_dirs = {directory_.path()},
                        .read_log = [](std::string_view id, std::size_t) -> Result<std::string> {
                          if (id == "01I") return std::string("{\"event\":\"hello\"}\n");
                          return make_error(ErrorCode::NotFound, "none");
                        }});
    pixell_.emplace([this](const net::RequestHead& head, net::BodyReader& body) {
      return api::answer(*context_, head, body);
    });
  }
  void TearDown() override { pixell_.reset(); }

  std::string package(const std::string& name) {
    std::ofstream(directory_ / name) << "bytes";
    return (directory_ / name).string();
  }
  Ran run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--url", pixell_->url()});
    return pac(std::move(arguments));
  }

  testing::TempDirectory directory_;
  FakeClock clock_;
  std::unique_ptr<store::Store> store_;
  std::optional<apkg::PackageStore> packages_;
  std::optional<api::ApiContext> context_;
  std::optional<testing::ApiServer> pixell_;
};

TEST_F(UserCommandsTest, DeploysAFileAndListsItsApp) {
  const Ran deployed = run({"deploy", package("a.apkg"), "--app", "hello"});
  const Ran listed = run({"apps"});
  const Ran shown = run({"status", "hello"});

  EXPECT_EQ(deployed.exit_code, 0) << deployed.err;
  EXPECT_THAT(deployed.out, ::testing::MatchesRegex("deployment [0-9A-Z]{26} accepted\n"));
  EXPECT_EQ(listed.exit_code, 0);
  EXPECT_THAT(listed.out, AllOf(StartsWith("APP "), HasSubstr("\nhello ")));
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_THAT(shown.out, AllOf(StartsWith("hello ("), HasSubstr("\nINSTANCE ")));
}

TEST_F(UserCommandsTest, DeploysAFileWhateverItsName) {
  for (const char* name : {"with blank.apkg", "a%20b.apkg", "a?b#c.apkg", "\xc3\xa4\xff.apkg"}) {
    const Ran ran = run({"deploy", package(name), "--app", "hello"});

    EXPECT_EQ(ran.exit_code, 0) << name << ": " << ran.err;
  }
}

TEST_F(UserCommandsTest, TellsThatThePackageIsNotAFile) {
  for (const std::string& path :
       {directory_.path().string(), std::string("no/such/file.apkg"), std::string("")}) {
    const Ran ran = run({"deploy", path, "--app", "hello"});

    EXPECT_EQ(ran.exit_code, 1) << path;
    EXPECT_THAT(ran.err, AllOf(StartsWith("pac: package '" + path + "' is not a file"),
                               HasSubstr("https://")));
  }
  EXPECT_EQ(pixell_->requests(), 0);
}

TEST_F(UserCommandsTest, ShowsWhatTheApiFoundWrong) {
  const Ran ran = run({"deploy", "ftp://host/a.apkg", "--app", "a b"});

  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, AllOf(StartsWith("pac: the request is not valid\n"),
                             HasSubstr("pac:   agentAppId 'a b'"),
                             HasSubstr("pac:   packageUrl 'ftp://host/a.apkg'")));
}

TEST_F(UserCommandsTest, EndsWith3ForWhatIsNotThere) {
  const Ran app = run({"status", "nobody"});
  const Ran odd = run({"status", "a b/../c?d"});
  const Ran instance = run({"logs", "01X"});

  EXPECT_EQ(app.exit_code, 3);
  EXPECT_EQ(app.err, "pac: there is no agent app 'nobody'\n");
  EXPECT_EQ(odd.exit_code, 3);
  EXPECT_EQ(odd.err, "pac: there is no agent app 'a b/../c?d'\n");
  EXPECT_EQ(instance.exit_code, 3);
  EXPECT_EQ(instance.err, "pac: there is no instance '01X'\n");
}

TEST_F(UserCommandsTest, PrintsALogAsItIs) {
  const Ran ran = run({"logs", "01I"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, "{\"event\":\"hello\"}\n");
}

TEST_F(UserCommandsTest, TakesTheUrlWithASlashAndFromTheEnvironment) {
  EXPECT_EQ(pac({"apps", "--url", pixell_->url() + "/"}).exit_code, 0);

  ::setenv("PIXELL_URL", pixell_->url().c_str(), 1);
  const Ran ran = pac({"apps"});
  ::unsetenv("PIXELL_URL");

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(pixell_->requests(), 2);
}

TEST(UserCommands, EndWith4WhenNobodyListens) {
  // A port that is bound but does not listen refuses connections, and nobody else can take it.
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string where = "127.0.0.1:" + std::to_string(net::bound_port(socket.get()).value());

  for (const std::vector<std::string>& command : {std::vector<std::string>{"apps"},
                                                  {"status", "a"},
                                                  {"logs", "a"},
                                                  {"deploy", "https://h/a.apkg", "--app", "a"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--url", "http://" + where});
    const Ran ran = pac(arguments);

    EXPECT_EQ(ran.exit_code, 4) << command[0];
    EXPECT_THAT(ran.err, AllOf(StartsWith("pac: cannot reach Pixell: " + where),
                               HasSubstr("is `pac serve` running"), HasSubstr("--url")));
  }
}

TEST(UserCommands, EndWith4WhileControlIsAway) {
  testing::ApiServer edge([](auto&, auto&) { return api::problem(503, "control is away"); });

  const Ran ran = pac({"apps", "--url", edge.url()});

  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_EQ(ran.err, "pac: control is away\n");
}

TEST(UserCommands, EndWith1ForAUrlThatCannotBeUsed) {
  for (const char* url : {"ftp://127.0.0.1", "http://a b", "http://127.0.0.1:x"}) {
    const Ran ran = pac({"apps", "--url", url});

    EXPECT_EQ(ran.exit_code, 1) << url;
    EXPECT_THAT(ran.err, AllOf(HasSubstr("--url"), HasSubstr("http://127.0.0.1:4000"))) << url;
  }
}

struct Stranger {
  const char* name;
  int status;
  std::string body;
};

class UserCommandsAtAStranger : public ::testing::TestWithParam<Stranger> {};

// Whatever answers: a command ends with a line that says so, never by a crash.
TEST_P(UserCommandsAtAStranger, TellThatItIsNotPixell) {
  testing::ApiServer stranger([](auto&, auto&) {
    return api::Reply{.status = GetParam().status, .body = GetParam().body};
  });

  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"apps"},
        {"status", "a"},
        {"deploy", "https://h/a.apkg", "--app", "a", "--wait"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--url", stranger.url()});
    const Ran ran = pac(arguments);

    EXPECT_EQ(ran.exit_code, 1) << command[0];
    EXPECT_THAT(ran.err, AllOf(StartsWith("pac: the answer is"), HasSubstr("--url"))) << command[0];
    EXPECT_LT(ran.err.size(), 1'000U);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Answers, UserCommandsAtAStranger,
    ::testing::Values(Stranger{"Page", 200, "<html>" + std::string(100'000, 'x')},
                      Stranger{"Empty", 200, ""}, Stranger{"Array", 200, "[]"},
                      Stranger{"Text", 200, "\"x\""}, Stranger{"OtherObject", 200, "{}"},
                      Stranger{"OtherTypes", 200, R"({"apps":7,"app":7,"deployment":7})"},
                      Stranger{"Nulls", 200, R"({"apps":[null],"app":null,"deployment":null})"},
                      Stranger{"Redirect", 302, ""}, Stranger{"ServerError", 500, "<html>"},
                      Stranger{"ErrorWithoutText", 400, "{\"x\":1}"}),
    [](const auto& row) { return row.param.name; });

TEST(UserCommands, ShowAnErrorThatIsNotAText) {
  testing::ApiServer stranger([](auto&, auto&) {
    return api::Reply{.status = 400, .body = R"({"error":{"code":7},"details":[{"a":1},"b"]})"};
  });

  const Ran ran = pac({"apps", "--url", stranger.url()});

  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.err, "pac: {\"code\":7}\npac:   {\"a\":1}\npac:   b\n");
}

TEST(PercentEncode, LeavesUnreservedCharactersAndWhatIsKept) {
  EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encode("/a b%\xff"), "%2Fa%20b%25%FF");
  EXPECT_EQ(percent_encode("/a/b", "/"), "/a/b");
}

}  // namespace
}  // namespace pixell::cmd
