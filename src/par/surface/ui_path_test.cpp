#include "par/surface/ui_path.hpp"

#include <gtest/gtest.h>

namespace pixell::par {
namespace {

using Segments = std::vector<std::string>;

TEST(UiPath, NamesTheFile) {
  EXPECT_EQ(ui_segments(""), Segments{"index.html"});
  EXPECT_EQ(ui_segments("app.js"), Segments{"app.js"});
  EXPECT_EQ(ui_segments("css/site.css"), (Segments{"css", "site.css"}));
  EXPECT_EQ(ui_segments("docs/"), (Segments{"docs", "index.html"}));
  EXPECT_EQ(ui_segments("a//b"), (Segments{"a", "b"}));
  EXPECT_EQ(ui_segments("a%20b.png"), Segments{"a b.png"});
  EXPECT_EQ(ui_segments("%c3%a4.svg"), Segments{"\xc3\xa4.svg"});
  EXPECT_EQ(ui_segments(".well-known/x"), (Segments{".well-known", "x"}));
}

TEST(UiPath, RefusesWhatLeavesTheFolderOrIsHidden) {
  for (const char* path :
       {"..", "../.env", "a/../../b", "%2e%2e/x", "a/%2e%2e/b", ".env", "a/.git/config", "%2eenv",
        "a%2fb", "a%5cb", "a\\b", "x%00.html", "x%0a", "%", "%4", "%zz", "a%2"})
    EXPECT_EQ(ui_segments(path), std::nullopt) << path;
}

TEST(UiPath, RefusesWhatIsTooLongOrTooDeep) {
  EXPECT_EQ(ui_segments(std::string(3000, 'a')), std::nullopt);
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "a/";
  EXPECT_EQ(ui_segments(deep), std::nullopt);
}

TEST(UiPath, KnowsTheTypesBrowsersInsistOn) {
  EXPECT_EQ(content_type_of("index.html"), "text/html; charset=utf-8");
  EXPECT_EQ(content_type_of("app.MJS"), "text/javascript; charset=utf-8");
  EXPECT_EQ(content_type_of("x.wasm"), "application/wasm");
  EXPECT_EQ(content_type_of("LICENSE"), "application/octet-stream");
}

}  // namespace
}  // namespace pixell::par
