#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/files.hpp"
#include "net/client.hpp"
#include "net/testing/wire_fixture.hpp"
#include "par/limits.hpp"
#include "par/surface/ui_files.hpp"

// UI files as clients get them, over both protocols.

namespace pixell::par {
namespace {

using namespace net::fixture;
using net::Protocol;

class UiServing : public testing::TestWithParam<Protocol> {
 protected:
  UiServing() {
    std::filesystem::create_directories(directory_ / "ui");
    write("index.html", "<p>hi</p>");
    write("empty.txt", "");
    write("large.bin", large_);
    files_ = std::move(UiFiles::open(directory_ / ".", "ui", "0123456789abcdef").value());
    server_ = std::make_unique<LoopbackServer>(driver_.loop(), [this](net::ServerStream& stream) {
      auto file = files_->find(stream.request().path().substr(1), driver_.loop().now());
      EXPECT_NE(file, nullptr);
      return serve_ui_file(driver_.loop(), stream, std::move(file));
    });
  }
  void write(const std::string& name, std::string_view content) {
    ASSERT_TRUE(write_file_atomically(directory_ / ("ui/" + name), content, 0644,
                                      Durability::ProcessCrash));
  }
  std::unique_ptr<Answer> ask(const net::RequestHead& head) {
    auto answer = std::make_unique<Answer>(driver_);
    client_.open(server_->address(), GetParam(), head, *answer).finish();
    EXPECT_TRUE(driver_.until([&] { return answer->is_over(); }));
    EXPECT_TRUE(answer->ended);
    return answer;
  }

  // More than HTTP/2's windows and the socket buffers take at once.
  const std::string large_ = pattern(8 * 1024 * 1024);
  TempDirectory directory_;
  Driver driver_;
  std::unique_ptr<UiFiles> files_;
  std::unique_ptr<LoopbackServer> server_;
  net::HttpClient client_{driver_.loop()};
};

TEST_P(UiServing, SendsASmallFile) {
  const auto answer = ask(request("GET", "/"));

  EXPECT_EQ(answer->status(), 200);
  EXPECT_EQ(answer->body, "<p>hi</p>");
  const net::Headers& fields = answer->head->headers;
  EXPECT_EQ(fields.get("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(fields.get("content-length"), "9");
  EXPECT_EQ(fields.get("cache-control"), "no-cache");
  EXPECT_EQ(fields.get("x-content-type-options"), "nosniff");
  EXPECT_TRUE(fields.has("last-modified"));
}

TEST_P(UiServing, SendsALargeFileWholeAndAgain) {
  for (int i = 0; i < 2; ++i) {
    const auto answer = ask(request("GET", "/large.bin"));
    EXPECT_EQ(answer->status(), 200);
    EXPECT_TRUE(answer->body == large_);
  }
}

TEST_P(UiServing, AnswersHeadAndAnEmptyFileWithoutABody) {
  const auto head = ask(request("HEAD", "/large.bin"));
  const auto empty = ask(request("GET", "/empty.txt"));

  EXPECT_EQ(head->head->headers.get("content-length"), std::to_string(large_.size()));
  EXPECT_EQ(head->size, 0u);
  EXPECT_EQ(empty->status(), 200);
  EXPECT_EQ(empty->head->headers.get("content-length"), "0");
}

TEST_P(UiServing, SaysThatAFileIsUnchanged) {
  const auto first = ask(request("GET", "/large.bin"));
  net::RequestHead again = request("GET", "/large.bin");
  again.headers.add("if-none-match", *first->head->headers.get("etag"));
  net::RequestHead other = request("GET", "/large.bin");
  other.headers.add("if-none-match", "\"other\"");
  net::RequestHead since = request("GET", "/large.bin");
  since.headers.add("if-modified-since", *first->head->headers.get("last-modified"));

  const auto unchanged = ask(again);

  EXPECT_EQ(unchanged->status(), 304);
  EXPECT_EQ(unchanged->size, 0u);
  EXPECT_EQ(unchanged->head->headers.get("etag"), first->head->headers.get("etag"));
  EXPECT_EQ(ask(other)->size, large_.size());
  EXPECT_EQ(ask(since)->status(), 304);
}

INSTANTIATE_TEST_SUITE_P(Protocols, UiServing, testing::Values(Protocol::Http1, Protocol::Http2),
                         [](const auto& row) {
                           return row.param == Protocol::Http1 ? "Http1" : "Http2";
                         });

}  // namespace
}  // namespace pixell::par
