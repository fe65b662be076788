#include "base/log_writer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "base/unique_fd.hpp"

namespace pixell {
namespace {

struct Pipe {
  UniqueFd read, write;
};

Pipe make_pipe(int flags = O_CLOEXEC) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, flags), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::unique_ptr<LogBuffer> full_of(char letter, std::size_t line_bytes) {
  auto buffer = std::make_unique<LogBuffer>();
  while (buffer->used + line_bytes <= buffer->bytes.size()) {
    std::memset(buffer->bytes.data() + buffer->used, letter, line_bytes - 1);
    buffer->used += line_bytes;
    buffer->bytes[buffer->used - 1] = '\n';
  }
  return buffer;
}

// Reads until the other end is closed.
std::string read_all(int fd) {
  std::string text;
  char piece[8192];
  for (ssize_t size; (size = ::read(fd, piece, sizeof piece)) > 0;)
    text.append(piece, static_cast<std::size_t>(size));
  return text;
}

TEST(LogWriter, WritesABufferToAFile) {
  char name[] = "/tmp/access_log_XXXXXX";
  UniqueFd file(::mkstemp(name));
  auto buffer = full_of('x', 100);
  const std::string text(buffer->bytes.data(), buffer->used);
  {
    LogWriter writer(file.get());
    EXPECT_TRUE(writer.exchange(buffer));
    ASSERT_NE(buffer, nullptr);
    EXPECT_EQ(buffer->used, 0u);
  }
  EXPECT_EQ(*read_file(name), text);
  std::filesystem::remove(name);
}

// The number of buffers that are taken when nobody reads.
int fill(LogWriter& writer) {
  for (int taken = 0;; ++taken) {
    auto buffer = full_of(static_cast<char>('a' + taken % 26), 333);
    if (!writer.exchange(buffer)) return taken;
  }
}

TEST(LogWriter, TakesSoMuchAndNoMoreWhenNobodyReads) {
  Pipe pipe = make_pipe();
  LogWriter writer(pipe.write.get());

  const int taken = fill(writer);

  EXPECT_GE(taken, static_cast<int>(kMaxWaitingLogBuffers));
  std::thread reader([&] { read_all(pipe.read.get()); });
  writer.stop();
  pipe.write.reset();
  reader.join();
}

void expect_whole_lines(std::string_view text, std::size_t line_bytes) {
  ASSERT_EQ(text.size() % line_bytes, 0u);
  for (std::size_t at = 0; at < text.size(); at += line_bytes) {
    ASSERT_EQ(text.find_first_not_of(text[at], at), at + line_bytes - 1) << "a torn line at " << at;
    ASSERT_EQ(text[at + line_bytes - 1], '\n');
  }
}

// Two writers share a pipe that is full again and again.
TEST(LogWriter, TearsNoLineOfAPipeThatSomebodyElseWritesToAsWell) {
  for (const int flags : {O_CLOEXEC, O_CLOEXEC | O_NONBLOCK}) {
    Pipe pipe = make_pipe(flags);
    ASSERT_GE(::fcntl(pipe.write.get(), F_SETPIPE_SZ, PIPE_BUF), 0);
    ASSERT_EQ(::fcntl(pipe.read.get(), F_SETFL, 0), 0);  // the reader's end waits
    constexpr std::size_t kLineBytes = 777;
    constexpr int kBuffers = 20;
    std::thread writers([&] {
      LogWriter first(pipe.write.get());
      LogWriter second(pipe.write.get());
      for (int i = 0; i < kBuffers; ++i)
        for (LogWriter* writer : {&first, &second}) {
          auto buffer = full_of(writer == &first ? 'a' : 'b', kLineBytes);
          EXPECT_TRUE(writer->exchange(buffer));
        }
      first.stop();
      second.stop();
      pipe.write.reset();
    });
    const std::string text = read_all(pipe.read.get());
    writers.join();

    EXPECT_EQ(text.size() / kLineBytes, 2 * kBuffers * (kLogBufferBytes / kLineBytes));
    expect_whole_lines(text, kLineBytes);
  }
}

TEST(LogWriter, EndsWhenNobodyReadsAnyMore) {
  Pipe pipe = make_pipe();
  LogWriter writer(pipe.write.get());
  fill(writer);

  writer.stop();

  char piece[4096];
  EXPECT_EQ(::read(pipe.read.get(), piece, sizeof piece), 4096) << "the pipe is still full";
}

}  // namespace
}  // namespace pixell
