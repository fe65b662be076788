#include "net/http1_parser.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace pixell::net {
namespace {

// Collects and parses as a connection does. 0 = good, -1 = incomplete, else the status.
int read_request(std::string_view wire, Http1Request& out) {
  HeadCollector collector;
  std::string_view bytes = wire;
  switch (collector.feed(bytes)) {
    case HeadCollector::State::NeedMore:
      return -1;
    case HeadCollector::State::Failed:
      return collector.error().status;
    case HeadCollector::State::Complete:
      break;
  }
  const auto error = parse_request_head(collector.head(), out);
  return error ? error->status : 0;
}

struct RequestRow {
  const char* name;
  std::string wire;
  int status;  // 0 = accepted
};

void PrintTo(const RequestRow& row, std::ostream* out) { *out << row.name; }

class RequestStatus : public testing::TestWithParam<RequestRow> {};

TEST_P(RequestStatus, IsAsExpected) {
  Http1Request request;
  EXPECT_EQ(read_request(GetParam().wire, request), GetParam().status);
}

std::string get(const std::string& fields, const std::string& version = "1.1") {
  return "GET / HTTP/" + version + "\r\nHost: a\r\n" + fields + "\r\n";
}

std::string with_nul(std::string text) {
  for (char& c : text) {
    if (c == '@') c = '\0';
  }
  return text;
}

INSTANTIATE_TEST_SUITE_P(
    Accepted, RequestStatus,
    testing::Values(
        RequestRow{"plain", get(""), 0},
        RequestRow{"http10_without_host", "GET / HTTP/1.0\r\n\r\n", 0},
        RequestRow{"later_minor_version", get("", "1.2"), 0},
        RequestRow{"leading_empty_line", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        RequestRow{"options_star", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        RequestRow{"extension_method", "M-SEARCH /x HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        RequestRow{"empty_host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
        RequestRow{"empty_value", get("X-A:\r\n"), 0},
        RequestRow{"blanks_around_value", get("X-A: \t b \t\r\n"), 0},
        RequestRow{"latin1_value", get("X-A: caf\xe9\r\n"), 0},
        RequestRow{"utf8_target", "GET /caf\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        RequestRow{"equal_lengths", get("Content-Length: 5\r\nContent-Length: 5\r\n"), 0},
        RequestRow{"chunked_any_case", get("transfer-encoding: ChUnKeD\r\n"), 0},
        RequestRow{"absolute", "GET http://a/x HTTP/1.1\r\nHost: b\r\n\r\n", 0},
        RequestRow{"ipv6_host", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 0}));

INSTANTIATE_TEST_SUITE_P(
    RequestLine, RequestStatus,
    testing::Values(
        RequestRow{"two_blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        RequestRow{"no_version", "GET /\r\nHost: a\r\n\r\n", 400},
        RequestRow{"trailing_blank", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
        RequestRow{"leading_blank", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        RequestRow{"blank_in_target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        RequestRow{"tab_separator", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        RequestRow{"bad_method", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        RequestRow{"relative_target", "GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        RequestRow{"star_for_get", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        RequestRow{"fragment", "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        RequestRow{"lower_case_version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
        RequestRow{"version_without_minor", "GET / HTTP/1\r\nHost: a\r\n\r\n", 400},
        RequestRow{"http2_version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        RequestRow{"connect", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501},
        RequestRow{"nul_in_target", with_nul("GET /a@b HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        RequestRow{"del_in_target", "GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        RequestRow{"user_in_absolute", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        RequestRow{"absolute_without_host", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        RequestRow{"other_scheme", "GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        RequestRow{"tls_hello", "\x16\x03\x01\x02", 400},
        RequestRow{"too_long_target",
                   "GET /" + std::string(kMaxTargetBytes, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n",
                   414}));

INSTANTIATE_TEST_SUITE_P(
    Fields, RequestStatus,
    testing::Values(RequestRow{"missing_host", "GET / HTTP/1.1\r\n\r\n", 400},
                    RequestRow{"two_hosts", get("Host: b\r\n"), 400},
                    RequestRow{"two_equal_hosts", get("host: a\r\n"), 400},
                    RequestRow{"host_with_slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
                    RequestRow{"host_with_user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
                    RequestRow{"host_list", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
                    RequestRow{"blank_before_colon", get("X-A : b\r\n"), 400},
                    RequestRow{"folded", get("X-A: b\r\n c\r\n"), 400},
                    RequestRow{"folded_first", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
                    RequestRow{"no_colon", get("X-A\r\n"), 400},
                    RequestRow{"empty_name", get(": b\r\n"), 400},
                    RequestRow{"bad_name", get("X@A: b\r\n"), 400},
                    RequestRow{"bare_cr", get("X-A: b\rc\r\n"), 400},
                    RequestRow{"bare_lf_in_field", get("X-A: b\nX-B: c\r\n"), 400},
                    RequestRow{"bare_lf_all", "GET / HTTP/1.1\nHost: a\n\n", 400},
                    RequestRow{"nul", with_nul(get("X-A: b@c\r\n")), 400},
                    RequestRow{"control", get("X-A: b\x01\r\n"), 400},
                    RequestRow{"del", get("X-Long-Enough: 0123456789\x7f\r\n"), 400},
                    RequestRow{"too_large_head",
                               get("X: " + std::string(kMaxHeadBytes, 'x') + "\r\n"), 431},
                    RequestRow{"too_large_unfinished",
                               "GET / HTTP/1.1\r\nX: " + std::string(kMaxHeadBytes, 'x'), 431},
                    RequestRow{"too_many_fields", get([] {
                                 std::string fields;
                                 for (std::size_t i = 0; i < kMaxHeaderFields; ++i)
                                   fields += "A: b\r\n";
                                 return fields;
                               }()),
                               431},
                    RequestRow{"unfinished", "GET / HTTP/1.1\r\nHost: a\r\n", -1},
                    RequestRow{"many_empty_lines",
                               [] {
                                 std::string lines;
                                 for (int i = 0; i < 40; ++i) lines += "\r\n";
                                 return lines;
                               }(),
                               400}));

INSTANTIATE_TEST_SUITE_P(
    Smuggling, RequestStatus,
    testing::Values(
        RequestRow{"length_and_coding", get("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
                   400},
        RequestRow{"coding_and_length", get("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
                   400},
        RequestRow{"differing_lengths", get("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
        RequestRow{"length_list", get("Content-Length: 5, 5\r\n"), 400},
        RequestRow{"length_plus", get("Content-Length: +5\r\n"), 400},
        RequestRow{"length_minus", get("Content-Length: -1\r\n"), 400},
        RequestRow{"length_hex", get("Content-Length: 0x5\r\n"), 400},
        RequestRow{"length_blank", get("Content-Length: 5 5\r\n"), 400},
        RequestRow{"length_empty", get("Content-Length:\r\n"), 400},
        RequestRow{"length_overflow", get("Content-Length: 99999999999999999999\r\n"), 400},
        RequestRow{"coding_gzip", get("Transfer-Encoding: gzip\r\n"), 501},
        RequestRow{"coding_gzip_chunked", get("Transfer-Encoding: gzip, chunked\r\n"), 501},
        RequestRow{"coding_chunked_gzip", get("Transfer-Encoding: chunked, gzip\r\n"), 400},
        RequestRow{"coding_twice",
                   get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
        RequestRow{"coding_list_twice", get("Transfer-Encoding: chunked, chunked\r\n"), 400},
        RequestRow{"coding_then_identity",
                   get("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400},
        RequestRow{"coding_identity", get("Transfer-Encoding: identity\r\n"), 501},
        RequestRow{"coding_xchunked", get("Transfer-Encoding: xchunked\r\n"), 501},
        RequestRow{"coding_quoted", get("Transfer-Encoding: \"chunked\"\r\n"), 501},
        RequestRow{"coding_parameter", get("Transfer-Encoding: chunked;q=1\r\n"), 501},
        RequestRow{"coding_empty", get("Transfer-Encoding:\r\n"), 400},
        RequestRow{"coding_vertical_tab",
                   get("Transfer-Encoding: \x0b"
                       "chunked\r\n"),
                   400},
        RequestRow{"coding_with_http10", get("Transfer-Encoding: chunked\r\n", "1.0"), 400},
        RequestRow{"coding_blank_colon", get("Transfer-Encoding : chunked\r\n"), 400}));

TEST(RequestParser, FillsTheHead) {
  Http1Request request;

  ASSERT_EQ(read_request("POST /a/b?c=d HTTP/1.1\r\nHost: example.com:81\r\nX-A:  b c \r\n"
                         "Content-Length: 12\r\nExpect: 100-Continue\r\n\r\n",
                         request),
            0);

  EXPECT_EQ(request.head.method, "POST");
  EXPECT_EQ(request.head.target, "/a/b?c=d");
  EXPECT_EQ(request.head.scheme, "http");
  EXPECT_EQ(request.head.authority, "example.com:81");
  EXPECT_FALSE(request.head.headers.has("host"));
  EXPECT_EQ(request.head.headers.get("x-a"), "b c");
  EXPECT_EQ(request.body.kind, BodyKind::Length);
  EXPECT_EQ(request.body.length, 12u);
  EXPECT_TRUE(request.keep_alive);
  EXPECT_TRUE(request.expects_continue);
}

TEST(RequestParser, ReusesItsOutput) {
  Http1Request request;
  ASSERT_EQ(read_request("POST http://h/x HTTP/1.0\r\nContent-Length: 5\r\n\r\n", request), 0);

  ASSERT_EQ(read_request(get(""), request), 0);

  EXPECT_EQ(request.head.target, "/");
  EXPECT_EQ(request.head.authority, "a");
  EXPECT_EQ(request.body.kind, BodyKind::None);
  EXPECT_FALSE(request.is_http10);
  EXPECT_TRUE(request.head.headers.empty());
}

TEST(RequestParser, TakesAbsoluteTargetsApart) {
  struct Row {
    const char* target;
    const char* method;
    const char* scheme;
    const char* authority;
    const char* path;
  };
  for (const Row& row :
       {Row{"http://a:81/x?y", "GET", "http", "a:81", "/x?y"},
        Row{"HTTPS://a", "GET", "https", "a", "/"}, Row{"http://a?y", "GET", "http", "a", "/?y"},
        Row{"http://a", "OPTIONS", "http", "a", "*"}}) {
    Http1Request request;
    const std::string wire =
        std::string(row.method) + " " + row.target + " HTTP/1.1\r\nHost: other\r\n\r\n";
    ASSERT_EQ(read_request(wire, request), 0) << row.target;
    EXPECT_EQ(request.head.scheme, row.scheme) << row.target;
    EXPECT_EQ(request.head.authority, row.authority) << row.target;
    EXPECT_EQ(request.head.target, row.path) << row.target;
  }
}

TEST(RequestParser, KnowsWhetherTheConnectionStays) {
  const auto keeps = [](const std::string& wire) {
    Http1Request request;
    EXPECT_EQ(read_request(wire, request), 0);
    return request.keep_alive;
  };
  EXPECT_TRUE(keeps(get("")));
  EXPECT_FALSE(keeps(get("Connection: x, Close\r\n")));
  EXPECT_FALSE(keeps(get("", "1.0")));
  EXPECT_TRUE(keeps(get("Connection: Keep-Alive\r\n", "1.0")));
  EXPECT_FALSE(keeps(get("Connection: keep-alive, close\r\n", "1.0")));
}

TEST(RequestParser, IgnoresUpgradesThatCannotBe) {
  const auto upgrades = [](const std::string& wire) {
    Http1Request request;
    EXPECT_EQ(read_request(wire, request), 0);
    return request.head.is_upgrade();
  };
  const std::string ask = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  EXPECT_TRUE(upgrades(get(ask)));
  EXPECT_FALSE(upgrades(get(ask, "1.0")));
  EXPECT_FALSE(upgrades(get(ask + "Content-Length: 3\r\n")));
  EXPECT_FALSE(upgrades(get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n")));
}

struct ResponseRow {
  const char* name;
  const char* method;
  std::string wire;
  bool is_good;
  BodyKind kind = BodyKind::None;
  std::uint64_t length = 0;
  bool keep_alive = true;
};

void PrintTo(const ResponseRow& row, std::ostream* out) { *out << row.name; }

class ResponseFraming : public testing::TestWithParam<ResponseRow> {};

TEST_P(ResponseFraming, IsAsExpected) {
  const ResponseRow& row = GetParam();
  Http1Response response;
  const auto error = parse_response_head(row.wire, row.method, response);
  ASSERT_EQ(!error.has_value(), row.is_good) << (error ? error->message : "");
  if (!row.is_good) return;
  EXPECT_EQ(response.body.kind, row.kind);
  EXPECT_EQ(response.body.length, row.length);
  EXPECT_EQ(response.keep_alive, row.keep_alive);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, ResponseFraming,
    testing::Values(
        ResponseRow{"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", true,
                    BodyKind::Length, 7},
        ResponseRow{"zero", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
        ResponseRow{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true,
                    BodyKind::Chunked},
        ResponseRow{"until_close", "GET", "HTTP/1.1 200 OK\r\n\r\n", true, BodyKind::UntilClose, 0,
                    false},
        ResponseRow{"head", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", true},
        ResponseRow{"no_content", "GET", "HTTP/1.1 204 No Content\r\n\r\n", true},
        ResponseRow{"not_modified", "GET", "HTTP/1.1 304 x\r\nContent-Length: 7\r\n\r\n", true},
        ResponseRow{"interim", "GET", "HTTP/1.1 100 Continue\r\n\r\n", true},
        ResponseRow{"no_reason", "GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", true},
        ResponseRow{"empty_reason", "GET", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", true},
        ResponseRow{"close", "GET",
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", true,
                    BodyKind::Length, 1, false},
        ResponseRow{"http10", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", true,
                    BodyKind::Length, 1, false},
        ResponseRow{"http10_keeps", "GET",
                    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n", true,
                    BodyKind::Length, 1},
        ResponseRow{"both", "GET",
                    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                    false},
        ResponseRow{"lengths", "GET",
                    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", false},
        ResponseRow{"coding", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false},
        ResponseRow{"status_short", "GET", "HTTP/1.1 20\r\n\r\n", false},
        ResponseRow{"status_long", "GET", "HTTP/1.1 2000 OK\r\n\r\n", false},
        ResponseRow{"status_zero", "GET", "HTTP/1.1 099 OK\r\n\r\n", false},
        ResponseRow{"status_word", "GET", "HTTP/1.1 2x0 OK\r\n\r\n", false},
        ResponseRow{"not_http", "GET", "ICY 200 OK\r\n\r\n", false},
        ResponseRow{"folded", "GET", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", false}));

}  // namespace
}  // namespace pixell::net
