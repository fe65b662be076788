#include "par/surface/ui_serving.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

using Fields = std::vector<std::pair<std::string, std::string>>;

class UiServing : public testing::TestWithParam<Protocol> {
 protected:
  UiServing() {
    std::filesystem::create_directories(directory_ / "ui");
    write("index.html", "<p>hi</p>");
    write("empty.txt", "");
    write("large.bin", large_);
    write("app.js", "let plain = 1;");
    write("app.js.gz", "gzipped");
    write("app.js.br", encoded_);
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

  std::unique_ptr<Answer> get(const std::string& path, const Fields& fields,
                              const char* method = "GET") {
    net::RequestHead head = request(method, path);
    for (const auto& [name, value] : fields) head.headers.add(name, value);
    return ask(head);
  }

  // Large enough to be sent as a file.
  const std::string encoded_ = pattern(2 * kMaxCachedFileBytes);
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

// Requests that arrive in one piece: what is sent for the first must leave the second as it is.
TEST_P(UiServing, SendsLargeFilesSideBySide) {
  const net::RequestHead head = request("GET", "/large.bin");
  ask(request("GET", "/"));  // opens the connection
  std::vector<std::unique_ptr<Answer>> answers;
  for (int i = 0; i < 4; ++i) {
    answers.push_back(std::make_unique<Answer>(driver_));
    client_.open(server_->address(), GetParam(), head, *answers.back()).finish();
  }

  for (const auto& answer : answers) {
    EXPECT_TRUE(driver_.until([&] { return answer->is_over(); }));
    EXPECT_TRUE(answer->ended);
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

TEST_P(UiServing, SendsARangeOfAFile) {
  const std::string size = std::to_string(large_.size());
  const auto small = get("/", {{"range", "bytes=3-4"}});
  const auto large = get("/large.bin", {{"range", "bytes=5000000-7999999"}});
  const auto end = get("/large.bin", {{"range", "bytes=-3"}});

  EXPECT_EQ(small->status(), 206);
  EXPECT_EQ(small->body, "hi");
  EXPECT_EQ(small->head->headers.get("content-range"), "bytes 3-4/9");
  EXPECT_EQ(small->head->headers.get("content-length"), "2");
  EXPECT_EQ(small->head->headers.get("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(large->status(), 206);
  EXPECT_TRUE(large->body == large_.substr(5'000'000, 3'000'000));
  EXPECT_EQ(large->head->headers.get("content-range"), "bytes 5000000-7999999/" + size);
  EXPECT_EQ(end->body, large_.substr(large_.size() - 3));
}

TEST_P(UiServing, RefusesARangeBehindTheEnd) {
  const auto answer = get("/", {{"range", "bytes=9-"}});

  EXPECT_EQ(answer->status(), 416);
  EXPECT_EQ(answer->head->headers.get("content-range"), "bytes */9");
  EXPECT_EQ(answer->head->headers.get("accept-ranges"), "bytes");
  EXPECT_EQ(answer->head->headers.get("content-type"), "application/problem+json");
  EXPECT_NE(answer->body.find("the end of the file of 9 bytes"), std::string::npos);
}

TEST_P(UiServing, SendsTheWholeFileWhenARangeDoesNotCount) {
  for (const Fields& fields : {Fields{{"range", "bytes=0-1,3-4"}}, Fields{{"range", "lines=0-1"}},
                               Fields{{"range", "bytes=0-1"}, {"if-range", "\"other\""}},
                               Fields{{"range", "bytes=0-1"}, {"range", "bytes=0-2"}}}) {
    const auto answer = get("/", fields);
    EXPECT_EQ(answer->status(), 200);
    EXPECT_EQ(answer->body, "<p>hi</p>");
    EXPECT_EQ(answer->head->headers.get("accept-ranges"), "bytes");
  }
  const auto head = get("/", {{"range", "bytes=0-1"}}, "HEAD");
  EXPECT_EQ(head->status(), 200);
  EXPECT_EQ(head->head->headers.get("content-length"), "9");
  EXPECT_EQ(get("/empty.txt", {{"range", "bytes=0-1"}})->status(), 200);
}

TEST_P(UiServing, GoesOnWithAFileOnlyInTheSameState) {
  const auto first = get("/", {{"range", "bytes=0-2"}});
  const std::string etag(*first->head->headers.get("etag"));

  const auto rest = get("/", {{"range", "bytes=3-"}, {"if-range", etag}});
  EXPECT_EQ(rest->status(), 206);
  EXPECT_EQ(first->body + rest->body, "<p>hi</p>");
  EXPECT_EQ(get("/", {{"range", "bytes=3-"}, {"if-match", etag}})->status(), 206);

  const auto refused = get("/", {{"range", "bytes=3-"}, {"if-match", "\"other\""}});
  EXPECT_EQ(refused->status(), 412);
  EXPECT_EQ(refused->head->headers.get("etag"), etag);
}

TEST_P(UiServing, SendsTheEncodedFileToWhoTakesIt) {
  const auto gzip = get("/app.js", {{"accept-encoding", "gzip, deflate"}});
  const auto brotli = get("/app.js", {{"accept-encoding", "gzip;q=0.9, br"}});
  const auto plain = get("/app.js", {});
  const auto other = get("/", {{"accept-encoding", "gzip, br"}});

  EXPECT_EQ(gzip->head->headers.get("content-encoding"), "gzip");
  EXPECT_EQ(gzip->head->headers.get("content-type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(gzip->head->headers.get("vary"), "Accept-Encoding");
  EXPECT_EQ(gzip->body, "gzipped");
  EXPECT_EQ(brotli->head->headers.get("content-encoding"), "br");
  EXPECT_TRUE(brotli->body == encoded_);
  EXPECT_FALSE(plain->head->headers.has("content-encoding"));
  EXPECT_EQ(plain->head->headers.get("vary"), "Accept-Encoding");
  EXPECT_EQ(plain->body, "let plain = 1;");
  EXPECT_FALSE(other->head->headers.has("vary"));
}

TEST_P(UiServing, TreatsAnEncodedFileAsAFileOfItsOwn) {
  const Fields asks_brotli = {{"accept-encoding", "br"}};
  const auto with = [&](const std::string& name, std::string_view value) {
    Fields fields = asks_brotli;
    fields.emplace_back(name, value);
    return fields;
  };
  const auto whole = get("/app.js", asks_brotli, "HEAD");
  const std::string etag(*whole->head->headers.get("etag"));
  EXPECT_EQ(whole->head->headers.get("content-length"), std::to_string(encoded_.size()));

  const auto part = get("/app.js", with("range", "bytes=100-70000"));
  const auto unchanged = get("/app.js", with("if-none-match", etag));
  const auto plain = get("/app.js", {{"if-none-match", etag}});

  EXPECT_EQ(part->status(), 206);
  EXPECT_TRUE(part->body == encoded_.substr(100, 69'901));
  EXPECT_EQ(part->head->headers.get("content-encoding"), "br");
  EXPECT_EQ(part->head->headers.get("vary"), "Accept-Encoding");
  EXPECT_EQ(unchanged->status(), 304);
  EXPECT_EQ(unchanged->head->headers.get("vary"), "Accept-Encoding");
  EXPECT_EQ(plain->status(), 200) << "the tag is of another form";
}

INSTANTIATE_TEST_SUITE_P(Protocols, UiServing, testing::Values(Protocol::Http1, Protocol::Http2),
                         [](const auto& row) {
                           return row.param == Protocol::Http1 ? "Http1" : "Http2";
                         });

}  // namespace
}  // namespace pixell::par
