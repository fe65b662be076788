#include "net/tls/watched_files.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "net/tls/testing/certificates.hpp"

namespace pixell::net::tls {
namespace {

using fixture::CertificateDirectory;

TEST(WatchedFiles, TellAChangeOnceItRests) {
  CertificateDirectory files;
  files.write("a", "1");
  files.write("b", "1");
  WatchedFiles watched({files / "a", files / "b"});
  EXPECT_FALSE(watched.has_settled_change());

  files.write("a", "2");
  EXPECT_FALSE(watched.has_settled_change()) << "just changed";
  files.write("b", "2");
  EXPECT_FALSE(watched.has_settled_change()) << "still changing";
  EXPECT_TRUE(watched.has_settled_change());
  EXPECT_FALSE(watched.has_settled_change()) << "told already";
}

TEST(WatchedFiles, FollowLinksAndSeeFilesGo) {
  CertificateDirectory files;
  files.write("v1", "same");
  files.write("v2", "same");
  std::filesystem::create_symlink(files / "v1", files / "now");
  WatchedFiles watched({files / "now"});

  std::filesystem::remove(files / "now");
  EXPECT_FALSE(watched.has_settled_change());
  EXPECT_TRUE(watched.has_settled_change());
  std::filesystem::create_symlink(files / "v2", files / "now");
  EXPECT_FALSE(watched.has_settled_change());
  EXPECT_TRUE(watched.has_settled_change());
}

TEST(WatchedFiles, SeeThatAModeChanged) {
  CertificateDirectory files;
  files.write("a", "1");
  WatchedFiles watched({files / "a"});

  std::filesystem::permissions(files / "a", std::filesystem::perms::owner_read);

  EXPECT_FALSE(watched.has_settled_change());
  EXPECT_TRUE(watched.has_settled_change());
}

TEST(WatchedFiles, AreKnownAsTheyAreAfterNoteAll) {
  CertificateDirectory files;
  files.write("a", "1");
  WatchedFiles watched({files / "a"});
  files.write("a", "2");

  watched.note_all();

  EXPECT_FALSE(watched.has_settled_change());
  EXPECT_FALSE(watched.has_settled_change());
}

}  // namespace
}  // namespace pixell::net::tls
