#include "par/surface/file_request.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>

namespace pixell::par {
namespace {

constexpr std::int64_t kModified = 784111777;
constexpr const char* kDate = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char* kEarlier = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr const char* kLater = "Sun, 06 Nov 1994 08:49:38 GMT";
constexpr FileState kFile{.etag = "\"v-1\"", .modified_s = kModified, .size = 1000};

using Fields = std::initializer_list<std::pair<const char*, const char*>>;

net::RequestHead request(Fields fields, const char* method = "GET") {
  net::RequestHead head;
  head.method = method;
  head.target = "/";
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  return head;
}

FileAnswer answer(const net::RequestHead& head, const FileState& file = kFile,
                  std::int64_t now_s = kModified + 60) {
  return decide_file_answer(FileRequest(head), file, now_s);
}

struct StatusRow {
  Fields fields;
  int status;
};

TEST(FileRequest, IsPlainWithoutConditionAndRange) {
  EXPECT_TRUE(FileRequest(request({{"accept", "*/*"}, {"accept-encoding", "gzip"}})).is_plain);
  EXPECT_FALSE(FileRequest(request({{"Range", "bytes=0-"}})).is_plain);
  EXPECT_FALSE(FileRequest(request({{"If-None-Match", "*"}})).is_plain);
  EXPECT_TRUE(FileRequest(request({{"range", "bytes=0-"}}, "HEAD")).is_plain);
}

TEST(FileRequest, JoinsListsOfSeveralLines) {
  const net::RequestHead head = request({{"accept-encoding", "gzip"},
                                         {"accept-encoding", "br"},
                                         {"accept-encoding", "x"},
                                         {"if-none-match", "\"a\""},
                                         {"if-none-match", "\"v-1\""}});
  EXPECT_EQ(FileRequest(head).accept_encoding, "gzip,br,x");
  EXPECT_EQ(answer(head).status, 304);
}

TEST(FileAnswer, FollowsTheConditions) {
  for (const StatusRow& row : {
           StatusRow{{{"if-none-match", "\"v-1\""}}, 304},
           StatusRow{{{"if-none-match", "W/\"v-1\""}}, 304},
           StatusRow{{{"if-none-match", "\"a\", \"v-1\""}}, 304},
           StatusRow{{{"if-none-match", "*"}}, 304},
           StatusRow{{{"if-none-match", "\"v-12\""}}, 200},
           StatusRow{{{"if-none-match", "v-1"}}, 200},
           StatusRow{{{"if-modified-since", kDate}}, 304},
           StatusRow{{{"if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT"}}, 304},
           StatusRow{{{"if-modified-since", kEarlier}}, 200},
           StatusRow{{{"if-modified-since", kLater}}, 200},
           StatusRow{{{"if-modified-since", "soon"}}, 200},
           StatusRow{{{"if-match", "\"v-1\""}}, 200},
           StatusRow{{{"if-match", "*"}}, 200},
           StatusRow{{{"if-match", "W/\"v-1\""}}, 412},
           StatusRow{{{"if-match", "W/\"v-1\", \"v-1\""}}, 200},
           StatusRow{{{"if-match", "\"a\""}}, 412},
           StatusRow{{{"if-unmodified-since", kDate}}, 200},
           StatusRow{{{"if-unmodified-since", kLater}}, 200},
           StatusRow{{{"if-unmodified-since", kEarlier}}, 412},
           StatusRow{{{"if-unmodified-since", "soon"}}, 200},
       })
    EXPECT_EQ(answer(request(row.fields)).status, row.status) << row.fields.begin()->second;
}

TEST(FileAnswer, FollowsTheOrderOfTheConditions) {
  // RFC 9110 13.2.2: a tag decides alone, what would be refused before what is known.
  EXPECT_EQ(answer(request({{"if-none-match", "\"a\""}, {"if-modified-since", kDate}})).status,
            200);
  EXPECT_EQ(answer(request({{"if-match", "*"}, {"if-unmodified-since", kEarlier}})).status, 200);
  EXPECT_EQ(answer(request({{"if-match", "\"a\""}, {"if-none-match", "*"}})).status, 412);
  EXPECT_EQ(answer(request({{"if-none-match", "*"}, {"range", "bytes=0-1"}})).status, 304);
  EXPECT_EQ(answer(request({{"if-match", "\"a\""}, {"range", "bytes=2000-"}})).status, 412);
}

struct RangeRow {
  const char* range;
  std::int64_t first, size;
};

TEST(FileAnswer, IsThePartThatARangeNames) {
  for (const RangeRow& row :
       {RangeRow{"bytes=0-0", 0, 1}, RangeRow{"bytes=0-999", 0, 1000},
        RangeRow{"bytes=10-19", 10, 10}, RangeRow{"bytes=999-", 999, 1},
        RangeRow{"bytes=0-", 0, 1000}, RangeRow{"bytes=990-5000", 990, 10},
        RangeRow{"bytes=-1", 999, 1}, RangeRow{"bytes=-5000", 0, 1000}, RangeRow{"Bytes=1-2", 1, 2},
        RangeRow{"bytes=5-99999999999999999999", 5, 995}}) {
    const FileAnswer part = answer(request({{"range", row.range}}));
    EXPECT_EQ(part.status, 206) << row.range;
    EXPECT_EQ(part.first, row.first) << row.range;
    EXPECT_EQ(part.size, row.size) << row.range;
  }
}

TEST(FileAnswer, RefusesARangeThatNamesNothing) {
  for (const char* range :
       {"bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=99999999999999999999-"})
    EXPECT_EQ(answer(request({{"range", range}})).status, 416) << range;
}

TEST(FileAnswer, IsTheWholeFileForWhatIsNoSingleRange) {
  for (const char* range : {"bytes=0-1,2-3", "bytes=2-1", "bytes=-", "bytes=", "bytes", "lines=0-1",
                            "bytes=a-b", "bytes=0-b", "bytes=+1-2", "bytes=0 - 1", "bytes=1", ""}) {
    const FileAnswer whole = answer(request({{"range", range}}));
    EXPECT_EQ(whole.status, 200) << range;
    EXPECT_EQ(whole.size, 1000) << range;
  }
  EXPECT_EQ(answer(request({{"range", "bytes=0-"}}), {.etag = "\"v\"", .size = 0}).status, 200);
}

TEST(FileAnswer, IsAPartOnlyInTheStateOfIfRange) {
  const auto status = [](const char* condition, std::int64_t now_s) {
    return answer(request({{"range", "bytes=0-1"}, {"if-range", condition}}), kFile, now_s).status;
  };
  EXPECT_EQ(status("\"v-1\"", kModified), 206);
  EXPECT_EQ(status("\"v-2\"", kModified), 200);
  EXPECT_EQ(status("W/\"v-1\"", kModified), 200);
  EXPECT_EQ(status("*", kModified + 60), 200);
  EXPECT_EQ(status(kDate, kModified + 1), 206);
  EXPECT_EQ(status(kDate, kModified), 200) << "the file may change again within this second";
  EXPECT_EQ(status(kLater, kModified + 60), 200);
  EXPECT_EQ(answer(request({{"if-range", "\"v-2\""}})).status, 200);
  // Not even what lies behind the end is refused when the state is another.
  EXPECT_EQ(answer(request({{"range", "bytes=2000-"}, {"if-range", "\"v-2\""}})).status, 200);
}

}  // namespace
}  // namespace pixell::par
