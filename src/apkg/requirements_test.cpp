#include "apkg/requirements.hpp"

#include <gtest/gtest.h>

#include "apkg/limits.hpp"
#include "apkg/testing/directory_test.hpp"

namespace pixell::apkg {
namespace {

namespace fs = std::filesystem;
using model::Cause;

class RequirementsFound : public testing::DirectoryTest {
 protected:
  void expect_refused(std::string_view words) const {
    const auto found = find_requirements(root_);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().cause, Cause::DependencyFailed);
    EXPECT_NE((found.error().message + found.error().evidence.at(0)).find(words), std::string::npos)
        << found.error().message << found.error().evidence.at(0);
  }
};

TEST_F(RequirementsFound, AreNoneInABarePackage) {
  const auto found = find_requirements(root_);

  ASSERT_TRUE(found);
  EXPECT_TRUE(found->files.empty());
  EXPECT_FALSE(found->has_pyproject || found->has_setup_py || found->has_local_paths);
}

TEST_F(RequirementsFound, AreNoneWhenThereAreOnlyComments) {
  write("requirements.txt", "# nothing\n\n   # here\n--index-url https://x\n");
  write("setup.py", "");
  write("pyproject.toml", "");

  const auto found = find_requirements(root_);

  ASSERT_TRUE(found);
  EXPECT_TRUE(found->files.empty());
  EXPECT_TRUE(found->has_pyproject && found->has_setup_py);
}

TEST_F(RequirementsFound, IncludeFilesThatAreNamed) {
  write("requirements.txt", "-r more/base.txt # the rest\nhttpx==1\n-c constraints.txt\n");
  write("more/base.txt", "--requirement=deep.txt\n-r ../requirements.txt\n");
  write("more/deep.txt", "a==1");
  write("constraints.txt", "a<2");

  const auto found = find_requirements(root_);

  ASSERT_TRUE(found) << found.error().evidence.at(0);
  std::vector<std::string> paths;
  for (const auto& file : found->files) paths.push_back(file.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"requirements.txt", "more/base.txt", "more/deep.txt",
                                             "constraints.txt"}));
  EXPECT_EQ(found->files[2].text, "a==1");
}

TEST_F(RequirementsFound, StayInsideThePackage) {
  write("requirements.txt", "-r ../secret.txt\n");
  expect_refused("outside");
  write("requirements.txt", "-r /etc/passwd\n");
  expect_refused("outside");
  fs::create_symlink("/etc/passwd", root_ / "link.txt");
  write("requirements.txt", "-c link.txt\n");
  expect_refused("outside");
}

TEST_F(RequirementsFound, TellWhatIsMissingOrTooLarge) {
  write("requirements.txt", "-r none.txt\n");
  expect_refused("does not exist");
  write("requirements.txt", std::string(kMaxRequirementsBytes + 1, '\n'));
  expect_refused("at most");
  std::string many;
  for (std::size_t i = 0; i <= kMaxRequirementsFiles; ++i) {
    write("f" + std::to_string(i), "a");
    many += "-r f" + std::to_string(i) + "\n";
  }
  write("requirements.txt", many);
  expect_refused("more than");
}

TEST_F(RequirementsFound, KnowWhatIsBuiltFromThePackage) {
  for (const char* line : {"-e .", "./lib", "--editable=./lib", "lib @ file:///x", "file:lib"}) {
    write("requirements.txt", line);
    EXPECT_TRUE(find_requirements(root_)->has_local_paths) << line;
    EXPECT_EQ(find_requirements(root_)->files.size(), 1U) << line;
  }
  for (const char* line : {"a==1", "-e git+https://h/r", "a @ https://h/a.whl", "a[b]>1  # ./c"}) {
    write("requirements.txt", line);
    EXPECT_FALSE(find_requirements(root_)->has_local_paths) << line;
  }
}

TEST_F(RequirementsFound, DigestTheArchivesOfThePackage) {
  fs::create_directories(root_ / "wheels");
  write("wheels/b-1-py3-none-any.whl", "b");
  write("wheels/a-1.tar.gz", "a");
  write("wheels/notes.txt", "no archive");
  write("c-1-py3-none-any.whl", "c");
  write("requirements.txt",
        "--find-links=./wheels\nb\nc-1-py3-none-any.whl[x] ; os_name=='posix'\n");

  const auto found = find_requirements(root_);

  ASSERT_TRUE(found);
  ASSERT_EQ(found->archives.size(), 3U);
  EXPECT_EQ(found->archives[0].path, "c-1-py3-none-any.whl");
  EXPECT_EQ(found->archives[1].path, "wheels/a-1.tar.gz");
  EXPECT_EQ(found->archives[2].path, "wheels/b-1-py3-none-any.whl");
  EXPECT_EQ(found->archives[0].sha256,
            "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6");
}

TEST_F(RequirementsFound, TakeNoArchiveFromElsewhere) {
  write("requirements.txt", "--find-links /usr\na\n");
  expect_refused("outside");
  write("requirements.txt", "-f none\na\n");
  expect_refused("does not exist");
  write("requirements.txt", "-f requirements.txt\na\n");
  expect_refused("no folder");
  fs::create_symlink("/etc/passwd", root_ / "a-1-py3-none-any.whl");
  write("requirements.txt", "a @ file:a-1-py3-none-any.whl\n");
  expect_refused("outside");
}

TEST_F(RequirementsFound, AddWhatTheProjectDeclares) {
  write("requirements.txt", "a==1\n");
  write("setup.py", "setup(install_requires=['b'])");

  const auto with_setup = find_requirements(root_);
  write("pyproject.toml", "[project]\nname = 'x'\ndependencies = ['c']\n");
  const auto with_project = find_requirements(root_);

  ASSERT_TRUE(with_setup && with_project);
  EXPECT_EQ(with_setup->files.size(), 1U);
  EXPECT_EQ(with_setup->declared, std::vector<std::string>{"b"});
  EXPECT_EQ(with_project->declared, std::vector<std::string>{"c"});
  EXPECT_TRUE(with_project->project_files.empty());
}

TEST_F(RequirementsFound, KeepTheFilesABuildDependsOn) {
  write("setup.py", "from setuptools import setup\nsetup()\n");
  write("setup.cfg", "[options]\ninstall_requires = a\n");

  const auto found = find_requirements(root_);

  ASSERT_TRUE(found);
  EXPECT_TRUE(found->needs_build);
  EXPECT_FALSE(found->is_empty());
  EXPECT_EQ(found->project_files.size(), 2U);
}

}  // namespace
}  // namespace pixell::apkg
