#include "apkg/dotenv_file.hpp"

#include <gtest/gtest.h>

#include "apkg/testing/directory_test.hpp"

namespace pixell::apkg {
namespace {

class DotenvFile : public testing::DirectoryTest {};

TEST_F(DotenvFile, IsReadWhenItIsThere) {
  EXPECT_TRUE(read_dotenv(root_)->empty());
  write(".env", "A=1\nNAME=Zo\xC3\xAB\n");
  EXPECT_EQ(read_dotenv(root_).value(), (model::Environment{{"A", "1"}, {"NAME", "Zo\xC3\xAB"}}));
}

TEST_F(DotenvFile, NamesTheLineThatIsNotUtf8AndNoValue) {
  write(".env", "A=1\nKEY=secret\xE9\n");
  const auto latin = read_dotenv(root_);
  ASSERT_FALSE(latin);
  EXPECT_EQ(latin.error().cause, model::Cause::ManifestInvalid);
  EXPECT_EQ(latin.error().evidence,
            std::vector<std::string>{".env:2: the line holds a byte that is not UTF-8"});
  EXPECT_EQ(latin.error().remedy, "Save .env as UTF-8.");
  write(".env", std::string_view("\xFF\xFE"
                                 "A\0=\0",
                                 6));  // what some editors call Unicode
  EXPECT_EQ(read_dotenv(root_).error().evidence.front().substr(0, 7), ".env:1:");
}

TEST_F(DotenvFile, FailsWhenItCannotBeRead) {
  std::filesystem::create_directory(root_ / ".env");
  EXPECT_EQ(read_dotenv(root_).error().cause, model::Cause::ManifestInvalid);
}

}  // namespace
}  // namespace pixell::apkg
