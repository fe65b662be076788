#include "par/surface/ui_files.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "base/testing/temp_directory.hpp"
#include "par/limits.hpp"

namespace pixell::par {
namespace {

namespace fs = std::filesystem;

class UiFilesTest : public testing::Test {
 protected:
  UiFilesTest() { write(".env", "KEY=secret"); }

  void write(const fs::path& path, std::string_view content) {
    fs::create_directories((root_ / path).parent_path());
    ASSERT_TRUE(write_file_atomically(root_ / path, content, 0644, Durability::ProcessCrash));
  }
  std::unique_ptr<UiFiles> open(const std::string& path = "ui") {
    auto files = UiFiles::open(root_.path().string(), path, "0123456789abcdef");
    return files ? std::move(*files) : nullptr;
  }

  // The content of a small file, or "none".
  std::string content(UiFiles& files, std::string_view path) {
    const auto file = files.find(path, now_);
    return file == nullptr ? "none" : file->plain.content;
  }
  std::string etag(UiFiles& files, std::string_view path) {
    return files.find(path, now_)->plain.etag;
  }

  TempDirectory root_;
  Instant now_{Millis(5'000)};
};

TEST_F(UiFilesTest, ServesFilesOfTheFolder) {
  write("ui/index.html", "<p>hi</p>");
  write("ui/css/a.css", "p{}");
  const auto files = open();
  ASSERT_NE(files, nullptr);

  EXPECT_EQ(content(*files, ""), "<p>hi</p>");
  const auto style = files->find("css/a.css", now_);
  EXPECT_EQ(style->plain.found.headers.get("content-type"), "text/css; charset=utf-8");
  EXPECT_EQ(style->plain.found.headers.get("content-length"), "3");
  EXPECT_EQ(style->plain.unchanged.headers.get("etag"), style->plain.etag);
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
    const auto files = UiFiles::open(root_.path().string(), path, "v");
    ASSERT_FALSE(files) << path;
    EXPECT_EQ(files.error().code, ErrorCode::InvalidArgument) << path;
  }
  EXPECT_EQ(UiFiles::open(root_.path().string(), "ui", "v").error().code, ErrorCode::NotFound);
}

TEST_F(UiFilesTest, FollowsNoLinksAndShowsNothingHidden) {
  write("ui/index.html", "x");
  write("ui/.secret", "x");
  fs::create_symlink(root_ / ".env", root_ / "ui/env.txt");
  fs::create_directory_symlink(root_.path(), root_ / "ui/up");
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

  write("ui/index.html", "two");
  fs::last_write_time(root_ / "ui/index.html", fs::file_time_type::clock::now() + Millis(1'000));
  now_ += kFileCheckPause;

  EXPECT_EQ(content(*files, ""), "two");
  EXPECT_NE(etag(*files, ""), first);
}

TEST_F(UiFilesTest, GivesAFileOfThePackageTheSameTagWheneverItWasUnpacked) {
  write("ui/index.html", "one");
  const std::string first = etag(*open(), "");
  fs::last_write_time(root_ / "ui/index.html", fs::file_time_type::clock::now() - Millis(60'000));

  EXPECT_EQ(etag(*open(), ""), first);
}

TEST_F(UiFilesTest, GivesAFileOfAFolderATagOfItsTime) {
  write("ui/index.html", "one");
  const std::string first = etag(*UiFiles::open(root_.path().string(), "ui", {}).value(), "");
  fs::last_write_time(root_ / "ui/index.html", fs::file_time_type::clock::now() - Millis(60'000));

  EXPECT_NE(etag(*UiFiles::open(root_.path().string(), "ui", {}).value(), ""), first);
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
  ASSERT_TRUE(large->plain.is_large());
  EXPECT_EQ(files->find("large.bin", now_), large);

  write("ui/large.bin", std::string(kMaxCachedFileBytes + 2, 'm'));
  now_ += kFileCheckPause;
  const auto next = files->find("large.bin", now_);

  // Who is being sent the old one gets it to its end.
  char byte = 0;
  EXPECT_EQ(::pread(large->plain.fd.get(), &byte, 1, kMaxCachedFileBytes), 1);
  EXPECT_EQ(byte, 'l');
  EXPECT_EQ(next->plain.size, large->plain.size + 1);
  EXPECT_NE(next->plain.etag, large->plain.etag);
}

TEST_F(UiFilesTest, GivesPackagesDifferentTags) {
  write("ui/index.html", "one");
  const auto other = UiFiles::open(root_.path().string(), "ui", "fedcba");
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

TEST_F(UiFilesTest, KnowsWhatLiesEncodedBesideAFile) {
  write("ui/index.html", "x");
  write("ui/js/a.js", "plain");
  write("ui/js/a.js.gz", "gzipped");
  write("ui/js/a.js.br", "brotli");
  write("ui/b.js", "plain");
  write("ui/b.js.gz", "gzipped");
  write("ui/lonely.js.gz", "gzipped");
  const auto files = open();

  const auto both = files->find("js/a.js", now_);
  ASSERT_EQ(both->encoded.size(), 2u);
  EXPECT_EQ(both->encoded[0].content, "brotli");
  EXPECT_EQ(both->encoded[1].content, "gzipped");
  const net::Headers& encoded = both->encoded[1].found.headers;
  EXPECT_EQ(encoded.get("content-encoding"), "gzip");
  EXPECT_EQ(encoded.get("content-type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(encoded.get("content-length"), "7");
  EXPECT_NE(both->encoded[0].etag, both->encoded[1].etag);
  for (const net::ResponseHead* head : {&both->plain.found, &both->plain.unchanged,
                                        &both->encoded[0].found, &both->encoded[0].unchanged})
    EXPECT_EQ(head->headers.get("vary"), "Accept-Encoding");
  EXPECT_FALSE(both->plain.found.headers.has("content-encoding"));
  EXPECT_EQ(files->find("b.js", now_)->encoded.size(), 1u);
  const auto alone = files->find("", now_);
  EXPECT_TRUE(alone->encoded.empty());
  EXPECT_FALSE(alone->plain.found.headers.has("vary"));
  // What has no file to be made of is a file of its own.
  EXPECT_FALSE(files->find("lonely.js", now_));
  EXPECT_EQ(files->find("lonely.js.gz", now_)->plain.found.headers.get("content-type"),
            "application/octet-stream");
}

TEST_F(UiFilesTest, SeesThatAnEncodedFileComesChangesAndGoes) {
  write("ui/index.html", "plain");
  const auto files = open();
  const auto encoded = [&] {
    const auto file = files->find("", now_);
    return file->encoded.empty() ? "none" : file->encoded[0].content;
  };
  EXPECT_EQ(encoded(), "none");

  write("ui/index.html.br", "one");
  EXPECT_EQ(encoded(), "none");
  now_ += kFileCheckPause;
  EXPECT_EQ(encoded(), "one");
  write("ui/index.html.br", "other");
  now_ += kFileCheckPause;
  EXPECT_EQ(encoded(), "other");
  fs::remove(root_ / "ui/index.html.br");
  now_ += kFileCheckPause;
  EXPECT_EQ(encoded(), "none");
}

TEST_F(UiFilesTest, FollowsNoLinkToAnEncodedFile) {
  write("ui/index.html", "x");
  fs::create_symlink(root_ / ".env", root_ / "ui/index.html.gz");
  fs::create_directory(root_ / "ui/index.html.br");

  EXPECT_TRUE(open()->find("", now_)->encoded.empty());
}

TEST_F(UiFilesTest, CountsEncodedFilesAmongThoseThatItKeeps) {
  write("ui/index.html", "x");
  for (std::size_t i = 0; i < kMaxCachedFiles / 2; ++i) {
    write("ui/" + std::to_string(i), "p");
    write("ui/" + std::to_string(i) + ".gz", "z");
  }
  const auto files = open();
  const std::weak_ptr<const UiFile> index = files->find("", now_);

  for (std::size_t i = 0; i + 1 < kMaxCachedFiles / 2; ++i) files->find(std::to_string(i), now_);
  EXPECT_FALSE(index.expired());
  files->find(std::to_string(kMaxCachedFiles / 2 - 1), now_);

  EXPECT_TRUE(index.expired());
}

}  // namespace
}  // namespace pixell::par
