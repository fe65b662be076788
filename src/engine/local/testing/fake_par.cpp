// A scripted `par` for tests of engines: it writes the records of a real one and answers 200 to
// whatever is asked.
// What it does is said by deploy-time variables, as an agent's environment would arrive:
//   FAKE_PAR_BOOT   ready (default) | fail | die (exits without records) | hang (stays in fetch)
//   FAKE_PAR_REPORT late: the boot report comes a moment after the word that it is ready
//   FAKE_PAR_STOP   exit (default) | ignore (SIGTERM has no effect) | linger (drains until it is
//                   killed, and answers no more)
//   FAKE_PAR_HEALTH answer (default) | silent (takes connections and says nothing)
//   FAKE_PAR_EAT_MB memory to touch before it gets ready
//   FAKE_PAR_CHILD  1 = leaves a child in a process group of its own, its pid in the file `child`
// Its whole environment is left in the file `environment`, one variable per line.
// With PAR_ENVIRONMENT_FILE it is in a container: it takes the deploy-time variables from there and
// listens on REST_PORT. `fake_par healthcheck` does what FAKE_PAR_HEALTH says.

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/unique_fd.hpp"

namespace {

std::string variable(const char* name, const char* otherwise = "") {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

std::string in_directory(const char* name) { return variable("INSTANCE_DIR") + "/" + name; }

void record(const char* name, const std::string& content) {
  if (!pixell::write_file_atomically(in_directory(name), content)) std::_Exit(99);
}

void say(const std::string& line) {
  if (!pixell::write_all(1, line + "\n")) std::_Exit(98);
}

void state(const char* phase, bool is_ready) {
  record("state.json", fmt::format(R"({{"phase":"{}","ready":{},"at":1}})", phase, is_ready));
}

int fail() {
  const std::string failure =
      R"({"cause":"missing_module","message":"no module named numpy","evidence":["ImportError"],)"
      R"("remedy":"declare it"})";
  record("boot_report.json",
         R"({"ready":false,"total_ms":5,"phases":[],"failure":)" + failure + "}");
  state("failed", false);
  record("exit.json", R"({"code":13,"signal":0,"at":2,"failure":)" + failure + "}");
  return 13;
}

void leave_a_child() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    while (true) ::pause();
  }
  record("child", fmt::format("{}", child));
}

void record_environment() {
  std::string lines;
  for (char** entry = ::environ; *entry != nullptr; ++entry) lines += std::string(*entry) + "\n";
  record("environment", lines);
}

// One request of a connection, whatever it is.
void answer(int connection) {
  char request[4096];
  if (::read(connection, request, sizeof request) <= 0) return;
  constexpr std::string_view kReply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  // A client that has gone meanwhile wants no answer.
  (void)::send(connection, kReply.data(), kReply.size(), MSG_NOSIGNAL);
}

void report() { record("boot_report.json", R"({"ready":true,"total_ms":5,"phases":[]})"); }

// Returns at a SIGTERM that counts.
void serve_until_stopped(const sigset_t& signals) {
  const int signal_fd = ::signalfd(-1, &signals, SFD_CLOEXEC);
  const bool is_silent = variable("FAKE_PAR_HEALTH") == "silent";
  std::vector<pixell::UniqueFd> unanswered;
  pollfd ready[] = {{.fd = signal_fd, .events = POLLIN, .revents = 0},
                    {.fd = 3, .events = POLLIN, .revents = 0}};
  while (true) {
    if (::poll(ready, 2, -1) < 0) continue;
    if (ready[0].revents != 0) {
      signalfd_siginfo told{};
      if (::read(signal_fd, &told, sizeof told) != sizeof told) std::_Exit(96);
      if (variable("FAKE_PAR_STOP", "exit") != "ignore") return;
    }
    if (ready[1].revents == 0) continue;
    pixell::UniqueFd connection(::accept4(3, nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) continue;
    if (is_silent)
      unanswered.push_back(std::move(connection));
    else
      answer(connection.get());
  }
}

// What an engine of containers gives instead of an environment and a listening socket.
void take_container_start() {
  const auto text = pixell::read_file(variable("PAR_ENVIRONMENT_FILE"));
  if (!text) std::_Exit(95);
  const auto document = nlohmann::json::parse(*text);
  for (const auto& [name, value] : document.items())
    ::setenv(name.c_str(), value.get<std::string>().c_str(), 1);
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(variable("REST_PORT").c_str())));
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 16) != 0 || (listener != 3 && ::dup2(listener, 3) != 3))
    std::_Exit(94);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "healthcheck") {
    // Without the deploy-time variables: what it says was written down by the one that serves.
    const auto health = pixell::read_file(in_directory("health"));
    if (health && *health == "silent") say("par: not healthy: no answer within 3000 ms");
    return health && *health == "silent" ? 1 : 0;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  if (!variable("PAR_ENVIRONMENT_FILE").empty()) take_container_start();
  record_environment();
  record("health", variable("FAKE_PAR_HEALTH", "answer"));
  int is_listening = 0;
  socklen_t size = sizeof is_listening;
  if (::getsockopt(3, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) != 0 || is_listening == 0)
    return 97;
  say("fake par starts");
  state("fetch", false);

  const std::string boot = variable("FAKE_PAR_BOOT", "ready");
  if (boot == "fail") return fail();
  if (boot == "die") {
    say("something went very wrong");
    return 42;
  }
  // Written to, page by page, so that the kernel must give it.
  std::vector<std::string> eaten;
  for (int mb = std::atoi(variable("FAKE_PAR_EAT_MB", "0").c_str()); mb > 0; --mb)
    eaten.emplace_back(1024 * 1024, 'x');
  if (variable("FAKE_PAR_CHILD") == "1") leave_a_child();
  if (boot == "ready") {
    const bool is_late = variable("FAKE_PAR_REPORT") == "late";
    if (!is_late) report();
    state("ready", true);
    if (is_late) ::poll(nullptr, 0, 100);  // the node has seen that it is ready by then
    if (is_late) report();
  }

  serve_until_stopped(signals);
  state("draining", false);
  if (variable("FAKE_PAR_STOP") == "linger")
    while (true) ::pause();
  state("stopped", false);
  record("exit.json", R"({"code":0,"signal":0,"at":3})");
  return 0;
}
