// How boots end: ready, or failed with the right cause, evidence, files and exit code.

#include <signal.h>
#include <sys/wait.h>

#include <ostream>

#include "base/files.hpp"
#include "net/sockets.hpp"
#include "par/boot/early_exit.hpp"
#include "par/testing/runtime_fixture.hpp"

namespace pixell::par {
namespace {

using nlohmann::json;

const json kRest = {{"rest", {{"entry", "app:mount"}}}};

TEST_F(RuntimeTest, BecomesReadyAndWritesItsReport) {
  script = {{"manifest", kRest}};
  start();
  run_until_ready();

  EXPECT_EQ(report("state.json")["phase"], "ready");
  EXPECT_EQ(report("state.json")["ready"], true);
  const json boot = report("boot_report.json");
  EXPECT_EQ(boot["ready"], true);
  EXPECT_TRUE(boot["package_sha256"].get<std::string>().starts_with("abab"));
  EXPECT_EQ(boot["dependency_lock"], (json{"one==1 --hash=sha256:00", "two==2 --hash=sha256:01"}));
  EXPECT_EQ(boot["interpreter"], "/usr/bin/python3 3.11");
  std::vector<std::string> phases;
  for (const auto& phase : boot["phases"]) phases.push_back(phase["name"]);
  EXPECT_EQ(phases, (std::vector<std::string>{"bind", "fetch", "verify", "unpack", "manifest",
                                              "dependencies", "worker", "probe"}));
  run_until([this] { return exists("told_ready"); });
}

TEST_F(RuntimeTest, AnswersHealthWithThePhaseWhileItBoots) {
  script = {{"prepare", {{"wait_for", "go"}}}, {"manifest", kRest}};
  more = {{"BASE_PATH", "/agents/a1"}};
  start();

  Reply& early = ask("GET", "/health");
  EXPECT_EQ(early.status, 503);
  EXPECT_EQ(early.json()["ok"], false);
  EXPECT_EQ(early.json()["phase"], "fetch");
  EXPECT_EQ(early.json()["surfaces"], (json{{"rest", false}}));
  EXPECT_EQ(ask("GET", "/agents/a1/api/hello").status, 503);
  EXPECT_EQ(ask("GET", "/agents/a1/meta").status, 404);
  EXPECT_EQ(report("state.json")["ready"], false);

  write("go", "");
  run_until_ready();
  EXPECT_EQ(ask("GET", "/health").status, 200);
}

TEST_F(RuntimeTest, NeedsNoWorkerForAUiAlone) {
  script = {{"manifest", {{"ui", {{"path", "ui"}}}}}, {"worker", {{"exit", 7}}}};
  write("ui/index.html", "<p>page</p>");
  start();
  run_until_ready();

  EXPECT_EQ(ask("GET", "/", {{"accept", "text/html"}}).body, "<p>page</p>");
  EXPECT_EQ(ask("GET", "/health").json()["surfaces"], (json{{"rest", true}, {"ui", true}}));
}

TEST_F(RuntimeTest, NeedsNoWorkerForTheDefaultService) {
  script = {{"manifest", {{"a2a", json::object()}}}, {"worker", {{"exit", 7}}}};
  start();
  run_until_ready();

  EXPECT_EQ(ask_grpc("/pixell.agent.AgentService/Health", "").grpc_status(), "0");
}

struct Broken {
  const char* name;
  json script;
  int exit_code;
  const char* cause;
  const char* evidence;  // found in the report, or empty
};
void PrintTo(const Broken& row, std::ostream* out) { *out << row.name; }

class BrokenBoot : public RuntimeTest, public testing::WithParamInterface<Broken> {};

TEST_P(BrokenBoot, EndsWithItsCause) {
  script = GetParam().script;
  start();

  EXPECT_EQ(run_to_end(), GetParam().exit_code);

  const json failure = report("boot_report.json")["failure"];
  EXPECT_EQ(failure["cause"], GetParam().cause);
  EXPECT_NE(failure["evidence"].dump().find(GetParam().evidence), std::string::npos)
      << failure.dump();
  EXPECT_FALSE(failure["remedy"].get<std::string>().empty());
  EXPECT_EQ(report("exit.json")["code"], GetParam().exit_code);
  EXPECT_EQ(report("exit.json")["failure"]["cause"], GetParam().cause);
  EXPECT_EQ(report("state.json")["phase"], "failed");
  EXPECT_EQ(report("boot_report.json")["ready"], false);
  EXPECT_FALSE(exists("../instance/work"));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BrokenBoot,
    testing::Values(
        Broken{"PrepareSaysWhy",
               {{"prepare",
                 {{"failure",
                   {{"cause", "not_a_zip"},
                    {"message", "no"},
                    {"evidence", {"PK missing"}},
                    {"remedy", "build it"}}}}}},
               10,
               "not_a_zip",
               "PK missing"},
        Broken{"PrepareDies",
               {{"prepare", {{"exit", 3}, {"stderr", {"last words"}}}}},
               70,
               "internal",
               "last words"},
        Broken{"PrepareBabbles", {{"prepare", {{"raw", "not json"}}}}, 70, "internal", ""},
        Broken{"PrepareNamesALockThatIsNotThere",
               {{"prepare", {{"lock_file", "/nonexistent/dependencies.lock"}}}},
               70,
               "internal",
               ""},
        Broken{"LoadError",
               {{"manifest", kRest},
                {"worker",
                 {{"load_error",
                   {{"cause", "missing_module"},
                    {"message", "no module named x"},
                    {"evidence", {"File app.py, line 1"}}}}}}},
               13,
               "missing_module",
               "line 1"},
        Broken{"WorkerExits",
               {{"manifest", kRest}, {"worker", {{"exit", 3}, {"stderr", {"Traceback: bad"}}}}},
               13,
               "exited",
               "Traceback: bad"},
        Broken{"WorkerExitsInSilence",
               {{"manifest", kRest}, {"worker", {{"exit", 3}, {"is_silent", true}}}},
               13,
               "exited",
               "it printed nothing"},
        Broken{"ServerWhosePortNobodyServes",
               {{"manifest", kRest}, {"worker", {{"hello", {{"http_server_port", 1}}}}}},
               1,
               "port_not_bound",
               "nobody listens"},
        Broken{"WorkerSpeaksAnotherVersion",
               {{"manifest", kRest}, {"worker", {{"version", 9}}}},
               70,
               "internal",
               ""},
        Broken{"UiWithoutPage",
               {{"manifest", {{"ui", {{"path", "ui"}}}}}},
               11,
               "manifest_invalid",
               "ui.path: ui"},
        Broken{"UiIsThePackage",
               {{"manifest", {{"ui", {{"path", "."}}}}}},
               11,
               "manifest_invalid",
               ""}),
    [](const auto& row) { return row.param.name; });

TEST_F(RuntimeTest, TellsTheExitOfAWorkerWhoseHelloWasNotReadBeforeIt) {
  script = {{"manifest", kRest}, {"worker", {{"exit_after_hello", 3}, {"stderr", {"why"}}}}};
  start();
  run_until([this] { return exists("about_to_end"); });
  const pid_t worker = std::stoi(read_file(package / "about_to_end").value());
  write("end", "");
  // The loop stands still meanwhile.
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(worker), &ended, WEXITED | WNOWAIT), 0);

  EXPECT_EQ(run_to_end(), 13);

  const json failure = report("boot_report.json")["failure"];
  EXPECT_EQ(failure["cause"], "exited");
  EXPECT_NE(failure["evidence"].dump().find("why"), std::string::npos);
}

TEST_F(RuntimeTest, GivesUpAtTheStartupTimeout) {
  script = {{"manifest", kRest}, {"worker", {{"hang", true}, {"stderr", {"still loading"}}}}};
  more = {{"STARTUP_TIMEOUT_SEC", "4"}};
  start();

  EXPECT_EQ(run_to_end(), 14);

  const json failure = report("boot_report.json")["failure"];
  EXPECT_EQ(failure["cause"], "startup_timeout");
  EXPECT_NE(failure["evidence"].dump().find("still loading"), std::string::npos);
  EXPECT_NE(failure["message"].get<std::string>().find("phase worker"), std::string::npos);
}

TEST_F(RuntimeTest, AsksAnAgentThatHangsWhereItIs) {
  script = {{"manifest", kRest}, {"worker", {{"hang", true}, {"where", "File app.py, line 7"}}}};
  more = {{"STARTUP_TIMEOUT_SEC", "4"}};
  start();

  EXPECT_EQ(run_to_end(), 14);

  const json failure = report("boot_report.json")["failure"];
  EXPECT_EQ(failure["cause"], "startup_timeout");
  EXPECT_EQ(failure["evidence"].front(), "File app.py, line 7");
}

TEST_F(RuntimeTest, GivesUpAtTheHardLimit) {
  script = {{"prepare", {{"wait_for", "never"}}}};
  more = {{"BOOT_BUDGET_MS", "100"}, {"BOOT_HARD_LIMIT_MULTIPLIER", "2"}};
  start();

  EXPECT_EQ(run_to_end(), 14);
  EXPECT_EQ(report("boot_report.json")["failure"]["cause"], "startup_timeout");
}

TEST_F(RuntimeTest, NamesThePortItCannotBind) {
  const UniqueFd taken = net::listen_tcp("127.0.0.1", 0).value();
  const std::string port = std::to_string(net::bound_port(taken.get()).value());
  more = {{"REST_LISTEN", "127.0.0.1:" + port}};
  start();

  EXPECT_EQ(run_to_end(), 1);

  const json failure = report("exit.json")["failure"];
  EXPECT_EQ(failure["cause"], "port_not_bound");
  EXPECT_NE(failure["message"].get<std::string>().find(port), std::string::npos);
}

TEST_F(RuntimeTest, CountsFailuresAndWaitsBeforeTheNextExit) {
  script = {{"prepare", {{"exit", 3}}}};
  {
    start();
    EXPECT_EQ(run_to_end(), 70);  // the first one exits at once
    runtime.reset();
    std::filesystem::remove(instance / "exit.json");
  }
  start();
  run_until([this] { return report("state.json")["phase"] == "failed"; });
  EXPECT_EQ(report("boot_report.json")["failure"]["cause"], "internal");
  EXPECT_FALSE(exists("../instance/exit.json"));
  EXPECT_EQ(ask("GET", "/health").json()["phase"], "failed");

  runtime->stop(SIGTERM);  // does not have to wait for the pause

  EXPECT_EQ(run_to_end(), 70);
}

TEST(RefuseConfig, TellsEveryErrorAndExitsWithOne) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const UniqueFd reader(ends[0]);
  {
    const UniqueFd writer(ends[1]);
    EXPECT_EQ(refuse_config({}, {"AGENT_APP_ID is required", "REST_PORT is wrong"},
                            Log(writer.get()), system_clock()),
              1);
  }
  std::string text(64 * 1024, '\0');
  text.resize(static_cast<std::size_t>(::read(reader.get(), text.data(), text.size())));
  std::vector<json> lines;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
    lines.push_back(json::parse(text.substr(at, text.find('\n', at) - at)));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0]["event"], "Configuration validation error");
  EXPECT_EQ(lines[0]["error"], "AGENT_APP_ID is required");
  EXPECT_EQ(lines[2]["error_count"], 2);
  EXPECT_EQ(lines[3]["event"], "Boot failed");
  EXPECT_EQ(lines[3]["cause"], "config_invalid");
  EXPECT_EQ(lines[3]["exit_code"], 1);
}

TEST_F(RuntimeTest, AnswersTheEnginesQuestionsWithoutCountingThem) {
  script = {{"prepare", {{"wait_for", "go"}}}, {"manifest", kRest}};
  start();
  const auto is_counted = [this] {
    return ask("GET", "/metrics").body.find(R"(status_class="5xx"})") != std::string::npos;
  };

  const Reply& early = ask("GET", "/health", {{"user-agent", "pixell-probe"}});
  const bool was_counted = is_counted();
  ask("GET", "/health", {{"user-agent", "somebody"}});

  EXPECT_EQ(early.status, 503);
  EXPECT_EQ(early.json()["status"], "starting");
  EXPECT_FALSE(was_counted);
  EXPECT_TRUE(is_counted());
}

TEST_F(RuntimeTest, StopsWhileItPrepares) {
  script = {{"prepare", {{"wait_for", "never"}}}};
  start();
  run_until([this] { return report("state.json")["phase"] == "fetch"; });

  runtime->stop(SIGINT);

  EXPECT_EQ(run_to_end(), 0);
}

}  // namespace
}  // namespace pixell::par
