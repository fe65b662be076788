#include "apkg/stored_zip.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "apkg/testing/directory_test.hpp"

namespace pixell::apkg {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StoredZipTest : public testing::DirectoryTest {
 protected:
  std::string read(StoredZip& zip, std::size_t position) {
    std::string text;
    const auto done = zip.read(position, [&](std::string_view bytes) -> Result<void> {
      text += bytes;
      return {};
    });
    return done ? text : "failed: " + done.error().message;
  }
  std::string content() {
    std::ostringstream text;
    text << std::ifstream(path()).rdbuf();
    return text.str();
  }

  fs::path path() { return root_ / "a.zip"; }
};

TEST_F(StoredZipTest, KeepsEntriesInTheirOrderAndAsTheyAre) {
  std::ofstream(root_ / "file") << std::string(300'000, 'f');
  ASSERT_TRUE(write_stored_zip(path(), {{.name = "z.json", .text = "{}"},
                                        {.name = "dir/a", .file = root_ / "file"},
                                        {.name = "empty"}}));

  auto zip = StoredZip::open(path());

  ASSERT_TRUE(zip) << zip.error().message;
  EXPECT_THAT(zip->names(), ElementsAre("z.json", "dir/a", "empty"));
  EXPECT_EQ(read(*zip, 0), "{}");
  EXPECT_EQ(read(*zip, 1), std::string(300'000, 'f'));
  EXPECT_EQ(read(*zip, 2), "");
  EXPECT_GT(fs::file_size(path()), 300'000u) << "not compressed";
  struct stat info {};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(StoredZipTest, ReplacesNothing) {
  std::ofstream(path()) << "old";

  EXPECT_EQ(write_stored_zip(path(), {{.name = "a"}}).error().code, ErrorCode::AlreadyExists);
  EXPECT_EQ(content(), "old");
}

TEST_F(StoredZipTest, LeavesNothingWhenAFileCannotBeRead) {
  EXPECT_FALSE(write_stored_zip(path(), {{.name = "a", .file = root_ / "none"}}));
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(StoredZipTest, NamesWhatIsNoZip) {
  EXPECT_EQ(StoredZip::open(path()).error().code, ErrorCode::NotFound);
  std::ofstream(path()) << "no zip";
  EXPECT_EQ(StoredZip::open(path()).error().code, ErrorCode::DataLoss);
}

TEST_F(StoredZipTest, NoticesADamagedEntry) {
  ASSERT_TRUE(write_stored_zip(path(), {{.name = "a", .text = "content of a"}}));
  std::string bytes = content();
  bytes[bytes.find("content")] = 'X';
  std::ofstream(path()) << bytes;

  auto zip = StoredZip::open(path());

  ASSERT_TRUE(zip);
  EXPECT_THAT(read(*zip, 0), HasSubstr("failed"));
}

TEST_F(StoredZipTest, PassesOnWhatTheReaderRefuses) {
  ASSERT_TRUE(write_stored_zip(path(), {{.name = "a", .text = "text"}}));
  auto zip = StoredZip::open(path());
  ASSERT_TRUE(zip);

  const auto refused = zip->read(0, [](std::string_view) -> Result<void> {
    return make_error(ErrorCode::ResourceExhausted, "full");
  });

  EXPECT_EQ(refused.error().code, ErrorCode::ResourceExhausted);
}

}  // namespace
}  // namespace pixell::apkg
