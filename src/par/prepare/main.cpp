#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/process.hpp"
#include "par/prepare/confinement.hpp"
#include "par/prepare/limits.hpp"
#include "par/prepare/prepare.hpp"

namespace {

using namespace pixell;

Result<std::string> read_stdin() {
  std::string text;
  char chunk[16 * 1024];
  while (true) {
    const ssize_t got = ::read(0, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("cannot read the spec", errno);
    if (got == 0) return text;
    text.append(chunk, static_cast<std::size_t>(got));
    if (text.size() > prepare::kMaxSpecBytes)
      return make_error(ErrorCode::ResourceExhausted, "the spec is too long");
  }
}

}  // namespace

// Exits 0 once a final line was written, whatever it says; 2 when it was called wrongly.
int main(int argc, char** argv) {
  const bool is_warm = argc == 2 && std::strcmp(argv[1], "--warm") == 0;
  const bool is_check = argc == 2 && std::strcmp(argv[1], "--check") == 0;
  if (argc > 1 && !is_warm && !is_check) {
    fmt::print(stderr, "usage: par-prepare [--warm | --check] < spec.json\n");
    return 2;
  }
  bool is_heard = true;
  const auto report = [&is_heard](const nlohmann::json& line) {
    const std::string out =
        line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    is_heard = is_heard && write_all(1, out).has_value();
  };
  prepare::confine_preparation(report);
  const auto text = read_stdin();
  const auto json = text ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json(nullptr);
  const auto spec = prepare::spec_from_json(json.is_discarded() ? nlohmann::json() : json);
  if (!text || !spec) {
    fmt::print(stderr, "par-prepare: {}\n", text ? spec.error().message : text.error().message);
    return 2;
  }
  const auto env = own_environment();
  if (is_warm)
    prepare::warm(*spec, env, report);
  else if (is_check)
    prepare::check(*spec, report);
  else
    prepare::prepare(*spec, env, report);
  return is_heard ? 0 : 1;
}
