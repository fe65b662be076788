#include "par/surface/ui_files.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "par/limits.hpp"

namespace pixell::par {
namespace {

namespace fs = std::filesystem;

class UiFilesTest : public testing::Test {
 protected:
  UiFilesTest() {
    std::string pattern = (fs::temp_directory_path() / "par_ui_XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    write(".env", "KEY=secret");
  }
  ~UiFilesTest() override { fs::remove_all(root_); }

  void write(const fs::path& path, std::string_view content) {
    fs::create_directories((root_ / path).parent_path());
    ASSERT_TRUE(write_file_atomically(root_ / path, content, 0644, Durability::ProcessCrash));
  }
  std::unique_ptr<UiFiles> open(const std::string& path = "ui") {
    auto files = UiFiles::open(root_.string(), path, "0123456789abcdef");
    return files ? std::move(*files) : nullptr;
  }

  // The content of a small file, or "none".
  std::string content(UiFiles& files, std::string_view path) {
    const auto file = files.find(path, now_);
    return file == nullptr ? "none" : file->content;
  }
  std::string etag(UiFiles& files, std::string_view path) { return files.find(path, now_)->etag; }

  fs::path root_;
  Instant now_{Millis(5'000)};
};

TEST_F(UiFilesTest, ServesFilesOfTheFolder) {
  write("ui/index.html", "<p>hi</p>");
  write("ui/css/a.css", "p{}");
  const auto files = open();
  ASSERT_NE(files, nullptr);

  EXPECT_EQ(content(*files, ""), "<p>hi</p>");
  const auto style = files->find("css/a.css", now_);
  EXPECT_EQ(style->found.headers.get("content-type"), "text/css; charset=utf-8");
  EXPECT_EQ(style->found.headers.get("content-length"), "3");
  EXPECT_EQ(style->unchanged.headers.get("etag"), style->etag);
  EXPECT_FALSE(files->find("missing.js", now_));
  EXPECT_FALSE(files->find("css", now_));
  EXPECT_TRUE(files->has_index());
}

TEST_F(UiFilesTest, FallsBackToTheBuiltCopy) {
  write("dist/ui/index.html", "built");
  EXPECT_EQ(content(*open("ui"), ""), "built");
  EXPECT_EQ(content(*open("./client/dist"), ""), "built");
}

TEST_F(UiFilesTest, PrefersTheFolderOfTheManifest) {
  write("ui/index.html", "source");
  write("dist/ui/index.html", "built");
  EXPECT_EQ(content(*open("ui/"), ""), "source");
}

TEST_F(UiFilesTest, RefusesFoldersThatAreNotBelowThePackage) {
  write("index.html", "root");
  for (const char* path : {"", ".", "./", "..", "../x", "/etc", "ui/../.."}) {
    const auto files = UiFiles::open(root_.string(), path, "v");
    ASSERT_FALSE(files) << path;
    EXPECT_EQ(files.error().code, ErrorCode::InvalidArgument) << path;
  }
  EXPECT_EQ(UiFiles::open(root_.string(), "ui", "v").error().code, ErrorCode::NotFound);
}

TEST_F(UiFilesTest, FollowsNoLinksAndShowsNothingHidden) {
  write("ui/index.html", "x");
  write("ui/.secret", "x");
  fs::create_symlink(root_ / ".env", root_ / "ui/env.txt");
  fs::create_directory_symlink(root_, root_ / "ui/up");
  const auto files = open();
  ASSERT_NE(files, nullptr);

  EXPECT_FALSE(files->find("env.txt", now_));
  EXPECT_FALSE(files->find("up/.env", now_));
  EXPECT_FALSE(files->find("up/ui/index.html", now_));
  EXPECT_FALSE(files->find(".secret", now_));
  EXPECT_FALSE(files->find("../.env", now_));
}

TEST_F(UiFilesTest, DoesNotServeALinkedFolderOutsideThePackage) {
  fs::create_directory_symlink("/etc", root_ / "ui");
  EXPECT_EQ(open(), nullptr);
}

TEST_F(UiFilesTest, SeesAChangedFileAndGivesItANewTag) {
  write("ui/index.html", "one");
  const auto files = open();
  const std::string first = etag(*files, "");
  EXPECT_EQ(etag(*files, ""), first);

  write("ui/index.html", "other");
  now_ += kFileCheckPause;

  EXPECT_EQ(content(*files, ""), "other");
  EXPECT_NE(etag(*files, ""), first);
}

TEST_F(UiFilesTest, LooksAtAFileOnceInAWhile) {
  write("ui/index.html", "one");
  const auto files = open();
  EXPECT_EQ(content(*files, ""), "one");

  write("ui/index.html", "other");
  now_ += kFileCheckPause - Millis(1);
  EXPECT_EQ(content(*files, ""), "one");
  now_ += Millis(1);
  EXPECT_EQ(content(*files, ""), "other");
}

TEST_F(UiFilesTest, ForgetsAFileThatIsGone) {
  write("ui/index.html", "x");
  write("ui/a.js", "one");
  const auto files = open();
  EXPECT_EQ(content(*files, "a.js"), "one");

  fs::remove(root_ / "ui/a.js");
  now_ += kFileCheckPause;

  EXPECT_EQ(content(*files, "a.js"), "none");
}

TEST_F(UiFilesTest, LooksForAFileThatIsNotThereOnceInAWhile) {
  write("ui/index.html", "x");
  const auto files = open();
  EXPECT_EQ(content(*files, "new.js"), "none");

  write("ui/new.js", "one");
  now_ += kFileCheckPause - Millis(1);
  EXPECT_EQ(content(*files, "new.js"), "none");
  EXPECT_EQ(content(*files, ""), "x");
  now_ += Millis(1);
  EXPECT_EQ(content(*files, "new.js"), "one");
}

TEST_F(UiFilesTest, FindsAllOfMorePathsThanItRemembersAsMissing) {
  write("ui/index.html", "x");
  const auto files = open();
  for (std::size_t i = 0; i < 4 * kMissedPaths; ++i)
    EXPECT_EQ(content(*files, "m" + std::to_string(i)), "none");

  for (std::size_t i = 0; i < 4 * kMissedPaths; ++i) write("ui/n" + std::to_string(i), "p");

  for (std::size_t i = 0; i < 4 * kMissedPaths; ++i)
    EXPECT_EQ(content(*files, "n" + std::to_string(i)), "p");
}

TEST_F(UiFilesTest, KeepsALargeFileOpenUntilItHasChanged) {
  write("ui/index.html", "x");
  write("ui/large.bin", std::string(kMaxCachedFileBytes + 1, 'l'));
  const auto files = open();
  const auto large = files->find("large.bin", now_);
  ASSERT_TRUE(large->is_large());
  EXPECT_EQ(files->find("large.bin", now_), large);

  write("ui/large.bin", std::string(kMaxCachedFileBytes + 2, 'm'));
  now_ += kFileCheckPause;
  const auto next = files->find("large.bin", now_);

  // Who is being sent the old one gets it to its end.
  char byte = 0;
  EXPECT_EQ(::pread(large->fd.get(), &byte, 1, kMaxCachedFileBytes), 1);
  EXPECT_EQ(byte, 'l');
  EXPECT_EQ(next->size, large->size + 1);
  EXPECT_NE(next->etag, large->etag);
}

TEST_F(UiFilesTest, GivesPackagesDifferentTags) {
  write("ui/index.html", "one");
  const auto other = UiFiles::open(root_.string(), "ui", "fedcba");
  EXPECT_NE(etag(*open(), ""), etag(**other, ""));
}

TEST_F(UiFilesTest, KeepsNotTooManyBytes) {
  write("ui/index.html", "first");
  const std::string piece(kMaxCachedFileBytes, 'p');
  const std::size_t count = kMaxFileCacheBytes / kMaxCachedFileBytes;
  for (std::size_t i = 0; i < count; ++i) write("ui/" + std::to_string(i), piece);
  const auto files = open();
  const std::weak_ptr<const UiFile> first = files->find("", now_);

  for (std::size_t i = 0; i + 1 < count; ++i) EXPECT_EQ(content(*files, std::to_string(i)), piece);
  EXPECT_FALSE(first.expired());
  EXPECT_EQ(content(*files, std::to_string(count - 1)), piece);

  EXPECT_TRUE(first.expired());
  EXPECT_EQ(content(*files, ""), "first");
}

TEST_F(UiFilesTest, KeepsNotTooManyFiles) {
  write("ui/index.html", "x");
  for (std::size_t i = 0; i < kMaxCachedFiles; ++i) write("ui/" + std::to_string(i), "p");
  const auto files = open();
  const std::weak_ptr<const UiFile> asked_again = files->find("0", now_);
  const std::weak_ptr<const UiFile> index = files->find("", now_);

  for (std::size_t i = 0; i < kMaxCachedFiles; ++i)
    EXPECT_EQ(content(*files, std::to_string(i)), "p");

  // The one that was asked for again stays.
  EXPECT_TRUE(index.expired());
  EXPECT_FALSE(asked_again.expired());
}

TEST(HttpDate, IsTheFixedFormOfRfc9110) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

}  // namespace
}  // namespace pixell::par
