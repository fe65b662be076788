#include "par/worker/listeners.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <set>

#include "base/files.hpp"

namespace pixell::par {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListen = "0A";
constexpr std::size_t kWordDigits = 8;

template <class Number>
std::optional<Number> number_of(std::string_view text, int base) {
  Number value{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const auto start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos) return words;
    line.remove_prefix(start);
    const auto end = std::min(line.find_first_of(" \t"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

// The address as the kernel prints it: 32-bit words in the machine's own order, in hex.
bool read_address(std::string_view hex, Listener& listener) {
  std::uint32_t words[4] = {};
  if (hex.size() != kWordDigits && hex.size() != 4 * kWordDigits) return false;
  for (std::size_t i = 0; i * kWordDigits < hex.size(); ++i) {
    const auto word = number_of<std::uint32_t>(hex.substr(i * kWordDigits, kWordDigits), 16);
    if (!word) return false;
    words[i] = *word;
  }
  const bool is_v6 = hex.size() != kWordDigits;
  char text[INET6_ADDRSTRLEN];
  ::inet_ntop(is_v6 ? AF_INET6 : AF_INET, words, text, sizeof text);
  listener.address = text;
  const bool is_mapped = is_v6 && words[0] == 0 && words[1] == 0 && words[2] == htonl(0xffff);
  const std::uint32_t v4 = is_mapped ? words[3] : words[0];
  listener.takes_loopback =
      is_v6 && !is_mapped ? listener.address == "::" : v4 == 0 || v4 == htonl(INADDR_LOOPBACK);
  return true;
}

//   sl  local_address rem_address   st tx_queue:rx_queue tr:when retrnsmt   uid  timeout inode …
std::optional<Listener> parse_line(std::string_view line) {
  const auto words = words_of(line);
  if (words.size() < 10 || words[3] != kListen) return std::nullopt;
  const auto colon = words[1].find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Listener listener;
  const auto port = number_of<std::uint16_t>(words[1].substr(colon + 1), 16);
  const auto user = number_of<uid_t>(words[7], 10);
  const auto inode = number_of<std::uint64_t>(words[9], 10);
  if (!port || !user || !inode || !read_address(words[1].substr(0, colon), listener))
    return std::nullopt;
  listener.port = *port;
  listener.user = *user;
  listener.inode = *inode;
  return listener;
}

// Nothing when /proc does not tell.
std::optional<std::vector<Listener>> read_listeners() {
  std::vector<Listener> all;
  const auto v4 = read_file("/proc/self/net/tcp");
  if (!v4) return std::nullopt;
  all = parse_listeners(*v4);
  // Absent where there is no IPv6.
  if (const auto v6 = read_file("/proc/self/net/tcp6"))
    for (Listener& listener : parse_listeners(*v6)) all.push_back(std::move(listener));
  return all;
}

// Field 5 of /proc/<pid>/stat; the name before it may hold anything, so the last ')' counts.
std::optional<pid_t> group_of(const fs::path& process) {
  const auto stat = read_file(process / "stat");
  if (!stat) return std::nullopt;
  const auto words = words_of(std::string_view(*stat).substr(stat->rfind(')') + 1));
  return words.size() > 2 ? number_of<pid_t>(words[2], 10) : std::nullopt;
}

void add_sockets(const fs::path& process, std::set<std::uint64_t>& inodes) {
  constexpr std::string_view kSocket = "socket:[";
  std::error_code failed;
  for (fs::directory_iterator it(process / "fd", failed), end; !failed && it != end;
       it.increment(failed)) {
    std::error_code gone;
    const std::string target = fs::read_symlink(it->path(), gone).string();
    if (gone || !target.starts_with(kSocket)) continue;
    const std::string_view digits =
        std::string_view(target).substr(kSocket.size(), target.size() - kSocket.size() - 1);
    if (const auto inode = number_of<std::uint64_t>(digits, 10)) inodes.insert(*inode);
  }
}

std::set<std::uint64_t> sockets_of_group(pid_t group) {
  std::set<std::uint64_t> inodes;
  std::error_code failed;
  for (fs::directory_iterator it("/proc", failed), end; !failed && it != end;
       it.increment(failed)) {
    const fs::path& process = it->path();
    if (number_of<pid_t>(process.filename().string(), 10) && group_of(process) == group)
      add_sockets(process, inodes);
  }
  return inodes;
}

std::string place_of(const Listener& listener) {
  const bool is_v6 = listener.address.find(':') != std::string::npos;
  return fmt::format(fmt::runtime(is_v6 ? "[{}]:{}" : "{}:{}"), listener.address, listener.port);
}

}  // namespace

std::vector<Listener> parse_listeners(std::string_view text) {
  std::vector<Listener> listeners;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (auto listener = parse_line(text.substr(0, end))) listeners.push_back(std::move(*listener));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return listeners;
}

std::vector<uid_t> users_of_loopback_port(const std::vector<Listener>& listeners,
                                          std::uint16_t port) {
  std::vector<uid_t> v4, v6;
  for (const Listener& listener : listeners) {
    if (listener.port != port || !listener.takes_loopback) continue;
    (listener.address.find(':') == std::string::npos ? v4 : v6).push_back(listener.user);
  }
  return v4.empty() ? v6 : v4;
}

std::optional<model::Failure> check_listener(std::uint16_t port, uid_t user) {
  const auto listeners = read_listeners();
  if (!listeners) return std::nullopt;
  const auto users = users_of_loopback_port(*listeners, port);
  if (!users.empty() && std::ranges::all_of(users, [user](uid_t each) { return each == user; }))
    return std::nullopt;
  return model::make_failure(
      model::Cause::PortNotBound,
      fmt::format("The agent's port 127.0.0.1:{} is not served by the agent", port),
      {users.empty() ? std::string("nobody listens on it any more")
                     : fmt::format("it is listened on by user {}", fmt::join(users, ", ")),
       fmt::format("the agent runs as user {}", user)},
      "Listen on the Unix socket PAR_SOCKET, which nobody else can take, or start again: another "
      "port is chosen then.");
}

std::vector<std::string> listening_places(pid_t group) {
  const auto listeners = read_listeners();
  if (!listeners) return {};
  const auto inodes = sockets_of_group(group);
  std::vector<std::string> places;
  for (const Listener& listener : *listeners)
    if (inodes.contains(listener.inode))
      places.push_back(fmt::format("the agent's process listens on {}", place_of(listener)));
  return places;
}

}  // namespace pixell::par
