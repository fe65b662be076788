#include "base/files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/limits.hpp"
#include "base/testing/temp_directory.hpp"

namespace pixell {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  static unsigned mode_of(const fs::path& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(directory_.path()), fs::directory_iterator()));
  }

  TempDirectory directory_;
};

TEST_F(Files, ReadsBackWhatWasWritten) {
  const std::string content("one\0two\n", 8);

  ASSERT_TRUE(write_file_atomically(directory_ / "a", content));

  EXPECT_EQ(read_file(directory_ / "a").value(), content);
}

TEST_F(Files, ReadingAnAbsentFileIsNotFoundAndNamesIt) {
  const auto content = read_file(directory_ / "absent");

  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, ErrorCode::NotFound);
  EXPECT_NE(content.error().message.find("absent"), std::string::npos);
}

TEST_F(Files, ReadingADirectoryIsAnError) { EXPECT_FALSE(read_file(directory_.path())); }

TEST_F(Files, ReadsUpToTheLimitAndRefusesOneByteMore) {
  std::ofstream(directory_ / "big") << "x";
  fs::resize_file(directory_ / "big", kMaxSmallFileBytes);
  EXPECT_EQ(read_file(directory_ / "big").value().size(), kMaxSmallFileBytes);

  fs::resize_file(directory_ / "big", kMaxSmallFileBytes + 1);
  const auto content = read_file(directory_ / "big");

  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, ErrorCode::ResourceExhausted);
}

TEST_F(Files, AtomicWriteReplacesContentAndLeavesNoPartBehind) {
  ASSERT_TRUE(write_file_atomically(directory_ / "a", "old"));
  ASSERT_TRUE(write_file_atomically(directory_ / "a", "new"));

  EXPECT_EQ(read_file(directory_ / "a").value(), "new");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, AtomicWriteIsPrivateUnlessToldOtherwise) {
  ASSERT_TRUE(write_file_atomically(directory_ / "private", ""));
  ASSERT_TRUE(write_file_atomically(directory_ / "script", "", 0700));

  EXPECT_EQ(mode_of(directory_ / "private"), 0600U);
  EXPECT_EQ(mode_of(directory_ / "script"), 0700U);
}

TEST_F(Files, FailedAtomicWriteKeepsTheOldFileAndCleansUp) {
  fs::create_directories(directory_ / "target" / "inside");  // rename onto it cannot work

  EXPECT_FALSE(write_file_atomically(directory_ / "target", "new"));

  EXPECT_TRUE(fs::is_directory(directory_ / "target" / "inside"));
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, AtomicWriteDoesNotFollowALinkLeftInPlaceOfItsPart) {
  std::ofstream(directory_ / "victim") << "untouched";
  fs::create_symlink(directory_ / "victim",
                     directory_ / ("a." + std::to_string(::gettid()) + ".part"));

  ASSERT_TRUE(write_file_atomically(directory_ / "a", "new"));

  EXPECT_EQ(read_file(directory_ / "victim").value(), "untouched");
  EXPECT_EQ(read_file(directory_ / "a").value(), "new");
}

TEST_F(Files, ThreadsThatWriteTheSameFileLeaveOneWholeContent) {
  std::vector<std::thread> writers;
  for (char letter : {'a', 'b', 'c', 'd'})
    writers.emplace_back([this, letter] {
      for (int i = 0; i < 10; ++i)
        ASSERT_TRUE(write_file_atomically(directory_ / "shared", std::string(5000, letter)));
    });
  for (std::thread& writer : writers) writer.join();

  const std::string content = read_file(directory_ / "shared").value();
  EXPECT_EQ(content, std::string(5000, content.at(0)));
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, MakesParentsAndGivesTheLastOneTheMode) {
  ASSERT_TRUE(make_directories(directory_ / "a" / "b" / "c"));

  EXPECT_EQ(mode_of(directory_ / "a" / "b" / "c"), 0700U);
}

TEST_F(Files, ATrailingSlashDoesNotChangeTheModeOfADirectory) {
  ASSERT_TRUE(make_directories((directory_ / "a" / "b").string() + "/"));

  EXPECT_EQ(mode_of(directory_ / "a" / "b"), 0700U);
}

TEST_F(Files, MakingAnExistingDirectoryIsFine) {
  ASSERT_TRUE(make_directories(directory_ / "a"));

  EXPECT_TRUE(make_directories(directory_ / "a"));
}

TEST_F(Files, MakingADirectoryWhereAFileIsFails) {
  std::ofstream(directory_ / "file") << "";

  EXPECT_FALSE(make_directories(directory_ / "file"));
  EXPECT_FALSE(make_directories(directory_ / "file" / "below"));
}

TEST_F(Files, ALockIsExclusiveUntilItsDescriptorIsClosed) {
  auto first = lock_file(directory_ / "lock", 0);
  ASSERT_TRUE(first);

  const auto second = lock_file(directory_ / "lock", 1);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::DeadlineExceeded);
  EXPECT_NE(second.error().message.find("lock"), std::string::npos);

  first->reset();
  EXPECT_TRUE(lock_file(directory_ / "lock", 0));
}

TEST_F(Files, ALockThatIsReleasedWhileWaitingIsTaken) {
  auto first = lock_file(directory_ / "lock", 0);
  ASSERT_TRUE(first);

  Result<UniqueFd> second = UniqueFd();
  std::thread waiter([&] { second = lock_file(directory_ / "lock", 30'000); });
  first->reset();
  waiter.join();

  EXPECT_TRUE(second);
}

TEST(WriteAll, GoesOnAfterShortWrites) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const std::string sent(300'000, 'x');  // more than a pipe holds

  std::string received;
  std::thread drain([&] {
    char chunk[4096];
    while (true) {
      const ssize_t got = ::read(reader.get(), chunk, sizeof chunk);
      if (got <= 0) return;
      received.append(chunk, static_cast<std::size_t>(got));
    }
  });
  EXPECT_TRUE(write_all(writer.get(), sent));
  writer.reset();
  drain.join();

  EXPECT_EQ(received, sent);
}

TEST(WriteAll, ABadDescriptorIsAnError) { EXPECT_FALSE(write_all(-1, "x")); }

TEST(Descriptors, InheritanceAndBlockingAreSwitched) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);

  ASSERT_TRUE(set_inherited(reader.get(), true));
  EXPECT_EQ(::fcntl(reader.get(), F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_TRUE(set_inherited(reader.get(), false));
  EXPECT_NE(::fcntl(reader.get(), F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_TRUE(set_nonblocking(reader.get()));
  EXPECT_NE(::fcntl(reader.get(), F_GETFL) & O_NONBLOCK, 0);

  EXPECT_FALSE(set_inherited(-1, true));
  EXPECT_FALSE(set_nonblocking(-1));
}

TEST(UniqueFdOwnership, ClosesOnceAndMovesOn) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);

  UniqueFd moved = std::move(writer);
  EXPECT_FALSE(writer);  // NOLINT: a moved-from UniqueFd promises to be empty
  EXPECT_EQ(moved.get(), ends[1]);

  moved.reset();
  char byte = 0;
  EXPECT_EQ(::read(reader.get(), &byte, 1), 0);  // end of file: the only writer is closed
}

}  // namespace
}  // namespace pixell
