#include "par/testing/runtime_fixture.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/files.hpp"
#include "net/grpc.hpp"

namespace pixell::par {

namespace fs = std::filesystem;

std::string Reply::grpc_status() const {
  return std::string(trailers.get("grpc-status").value_or(headers.get("grpc-status").value_or("")));
}

void Reply::on_head(net::ResponseHead& head) {
  status = head.status;
  headers = head.headers;
}

void Reply::on_end(const net::Headers& fields) {
  trailers = fields;
  is_over = true;
  stream = nullptr;
}

void Reply::on_abort(net::AbortReason) {
  is_over = true;
  is_aborted = true;
  stream = nullptr;
}

RuntimeTest::RuntimeTest() {
  package = directory / "package";
  instance = directory / "instance";
  fs::create_directories(package);
  fs::create_directories(instance);
  loop = net::EventLoop::create().value();
  log_fd = ::open((directory / "log").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
  signals = Signals::create(*loop, children, [this](int number) { runtime->stop(number); }).value();
  client = std::make_unique<net::HttpClient>(*loop);
}

RuntimeTest::~RuntimeTest() {
  for (const auto& reply : replies)
    if (reply->stream != nullptr) reply->stream->reset(net::ResetCode::Cancel);
  runtime.reset();
  client.reset();
  signals.reset();
  if (HasFailure()) {
    if (const auto log = read_file(directory / "log")) std::fputs(log->c_str(), stderr);
  }
  loop.reset();
  ::close(log_fd);
}

void RuntimeTest::start() {
  write("script.json", script.dump());
  Environment env = {{"AGENT_APP_ID", "a1"},
                     {"AGENT_PACKAGE_PATH", package.string()},
                     {"REST_LISTEN", "unix:" + (directory / "par.sock").string()},
                     {"INSTANCE_DIR", instance.string()},
                     {"PATH", "/usr/bin:/bin"}};
  for (const auto& [name, value] : more) env[name] = value;
  auto config = parse_config(env, {.package_path = package.string()});
  ASSERT_TRUE(config.has_value()) << config.error().front();
  const std::string testing = PAR_TESTING_DIR;
  runtime = std::make_unique<Runtime>(
      *loop, children, *config, env,
      Programs{.prepare = testing + "/fake_prepare.py", .worker_dir = testing + "/fake_workers"},
      Log(log_fd));
  runtime->start();
}

void RuntimeTest::run_until(const std::function<bool()>& holds) {
  const Instant deadline = loop->clock().now() + Millis(20'000);
  net::Timer look;
  const std::function<void()> check = [&] {
    if (holds() || loop->clock().now() > deadline)
      loop->stop();
    else
      look = loop->after(Millis(1), check);
  };
  check();
  loop->run();
  ASSERT_TRUE(holds()) << "waited 20 s in vain";
}

void RuntimeTest::run_until_ready() {
  run_until([this] { return runtime->view().is_ready || exists("../instance/exit.json"); });
  ASSERT_TRUE(runtime->view().is_ready);
}

int RuntimeTest::run_to_end() {
  run_until([this] { return exists("../instance/exit.json"); });
  return runtime->exit_code();
}

Reply& RuntimeTest::send(const std::string& method, const std::string& target, const Fields& fields,
                         const std::string& body) {
  Reply& reply = *replies.emplace_back(std::make_unique<Reply>());
  net::RequestHead head{.method = method,
                        .target = target,
                        .scheme = "http",
                        .authority = "test",
                        .headers = {},
                        .protocol = net::Protocol::Http1};
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  if (!body.empty()) head.headers.set("content-length", std::to_string(body.size()));
  const net::Address address{"unix:" + (directory / "par.sock").string()};
  reply.stream = &client->open(address, net::Protocol::Http1, head, reply);
  if (!body.empty()) reply.stream->send_data(body);
  reply.stream->finish();
  return reply;
}

Reply& RuntimeTest::ask(const std::string& method, const std::string& target, const Fields& fields,
                        const std::string& body) {
  Reply& reply = send(method, target, fields, body);
  run_until([&reply] { return reply.is_over; });
  return reply;
}

Reply& RuntimeTest::send_grpc(const std::string& path, const std::string& message,
                              const Fields& fields) {
  Reply& reply = *replies.emplace_back(std::make_unique<Reply>());
  net::RequestHead head{.method = "POST",
                        .target = path,
                        .scheme = "http",
                        .authority = "test",
                        .headers = {},
                        .protocol = net::Protocol::Http2};
  head.headers.add("content-type", "application/grpc");
  head.headers.add("te", "trailers");
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  const net::Address address{"unix:" + (directory / "par.sock").string()};
  reply.stream = &client->open(address, net::Protocol::Http2, head, reply);
  reply.stream->send_data(net::grpc_frame(message));
  reply.stream->finish();
  return reply;
}

Reply& RuntimeTest::ask_grpc(const std::string& path, const std::string& message,
                             const Fields& fields) {
  Reply& reply = send_grpc(path, message, fields);
  run_until([&reply] { return reply.is_over; });
  return reply;
}

void RuntimeTest::write(const std::string& path, std::string_view content) {
  fs::create_directories((package / path).parent_path());
  ASSERT_TRUE(write_file_atomically(package / path, content, 0644, Durability::ProcessCrash));
}

bool RuntimeTest::exists(const std::string& path) const { return fs::exists(package / path); }

nlohmann::json RuntimeTest::report(const std::string& name) const {
  return nlohmann::json::parse(read_file(instance / name).value());
}

}  // namespace pixell::par
