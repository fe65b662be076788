// A server of one answer, as small as it can be: one connection after the other.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

int main() {
  const char* port = std::getenv("PORT");
  if (port == nullptr) return 2;
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 3;
  if (::listen(listener, 16) != 0) return 4;
  const std::string answer =
      "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 8\r\n"
      "connection: close\r\n\r\ncompiled";
  while (true) {
    const int client = ::accept(listener, nullptr, nullptr);
    char request[4096];
    if (::read(client, request, sizeof request) > 0 &&
        ::write(client, answer.data(), answer.size()) < 0)
      return 5;
    ::close(client);
  }
}
