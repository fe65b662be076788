#include "par/prepare/package_reader.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apkg/limits.hpp"
#include "par/prepare/limits.hpp"

namespace pixell::prepare {
namespace {

using nlohmann::json;

class PackageReader : public testing::Test {
 protected:
  apkg::Checked<json> run(const std::function<apkg::Checked<json>()>& body) {
    return read_apart([&](const Report&) { return body(); },
                      [this](const json& line) { lines_.push_back(line); });
  }
  std::vector<json> lines_;
};

TEST_F(PackageReader, GivesBackWhatWasReadAndReported) {
  const auto result = read_apart(
      [](const Report& report) -> apkg::Checked<json> {
        report({{"phase", "manifest"}});
        report({{"event", "two\nlines"}});
        return json{{"pid", ::getpid()}};
      },
      [this](const json& line) { lines_.push_back(line); });

  ASSERT_TRUE(result) << result.error().message;
  EXPECT_NE((*result)["pid"], ::getpid());
  EXPECT_EQ(lines_, (std::vector<json>{{{"phase", "manifest"}}, {{"event", "two\nlines"}}}));
}

TEST_F(PackageReader, GivesBackTheFailure) {
  const auto result = run([]() -> apkg::Checked<json> {
    return apkg::refuse(model::Cause::ManifestInvalid, "wrong", {"line 3"}, "Correct it.");
  });

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().cause, model::Cause::ManifestInvalid);
  EXPECT_EQ(result.error().evidence, std::vector<std::string>{"line 3"});
  EXPECT_EQ(result.error().remedy, "Correct it.");
}

TEST_F(PackageReader, CannotSayHowThePreparationEnds) {
  const auto result = read_apart(
      [](const Report& report) -> apkg::Checked<json> {
        report({{"ok", true}, {"root", "/"}});
        return json::object();
      },
      [this](const json& line) { lines_.push_back(line); });

  EXPECT_TRUE(result);
  EXPECT_TRUE(lines_.empty());
}

TEST_F(PackageReader, ExplainsWhatTriedMoreThanReading) {
  const auto result = run([]() -> apkg::Checked<json> {
    return json{{"socket", ::socket(AF_INET, SOCK_STREAM, 0)}};
  });

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().cause, model::Cause::UnsafeArchive);
  EXPECT_NE(result.error().evidence.at(0).find("SIGSYS"), std::string::npos);
}

TEST_F(PackageReader, ExplainsACrash) {
  const auto result = run([]() -> apkg::Checked<json> { std::abort(); });

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().cause, model::Cause::Internal);
  EXPECT_NE(result.error().message.find("signal 6"), std::string::npos) << result.error().message;
}

TEST_F(PackageReader, ExplainsASilentEnd) {
  const auto result = run([]() -> apkg::Checked<json> { ::_exit(0); });

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().cause, model::Cause::Internal);
}

TEST_F(PackageReader, HasLittleMemory) {
  const auto result = run([]() -> apkg::Checked<json> {
    const std::vector<char> large(kMaxReaderMemoryBytes + 1);
    return json{{"bytes", large.size()}};
  });

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().cause, model::Cause::PackageTooLarge);
}

TEST_F(PackageReader, WritesNoFileBeyondTheLimit) {
  char path[] = "/tmp/package_reader_XXXXXX";
  const int fd = ::mkstemp(path);
  ::close(fd);
  const auto result = run([&]() -> apkg::Checked<json> {
    const int file = ::open(path, O_WRONLY);
    const auto end = static_cast<off_t>(apkg::kMaxUnpackedFileBytes);
    return json{{"written", ::pwrite(file, "x", 1, end)}, {"errno", errno}};
  });
  ::unlink(path);

  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(*result, (json{{"written", -1}, {"errno", EFBIG}}));
}

TEST_F(PackageReader, HasNoneOfOurDescriptors) {
  const int ours = ::open("/dev/null", O_RDONLY);
  const auto result = run([&]() -> apkg::Checked<json> {
    return json{{"flags", ::fcntl(ours, F_GETFD)}};
  });
  ::close(ours);

  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ((*result)["flags"], -1);
}

TEST_F(PackageReader, IsNotWaitedForWhenItSaysTooMuch) {
  const auto result = run([]() -> apkg::Checked<json> {
    const std::string part(1024 * 1024, 'x');
    while (::write(STDOUT_FILENO, part.data(), part.size()) > 0) {
    }
    return json::object();
  });

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().cause, model::Cause::Internal);
}

}  // namespace
}  // namespace pixell::prepare
