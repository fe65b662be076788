#include "apkg/declared_dependencies.hpp"

#include <gtest/gtest.h>

namespace pixell::apkg {
namespace {

using Texts = std::vector<std::string>;

TEST(Pyproject, TellsTheProjectsDependencies) {
  const auto found = read_pyproject(R"([build-system]
requires = ["setuptools>=61"]  # not ours
build-backend = "setuptools.build_meta"

[project]
name = "agent"
description = """
[tool.fake]
dependencies = ["no"]
"""
dependencies = [
  "httpx[http2]>=0.27",   # with an extra
  'tomli; python_version < "3.11"',
]

[project.optional-dependencies]
dev = ["pytest"]

[tool.other]
dependencies = ["wrong"]
)");
  EXPECT_TRUE(found.is_project);
  EXPECT_FALSE(found.needs_build);
  EXPECT_EQ(found.requirements, (Texts{"httpx[http2]>=0.27", "tomli; python_version < \"3.11\""}));
}

TEST(Pyproject, TellsWhenOnlyABuildKnows) {
  EXPECT_TRUE(
      read_pyproject("[project]\nname='a'\ndynamic = ['version', 'dependencies']\n").needs_build);
  EXPECT_FALSE(read_pyproject("[project]\nname='a'\ndynamic = ['version']\n").needs_build);
  EXPECT_TRUE(read_pyproject("[tool.poetry.dependencies]\npython = '^3.11'\n").needs_build);
  EXPECT_TRUE(read_pyproject("[project]\ndependencies = [\"a\\u0041\"]\n").needs_build);
}

TEST(Pyproject, OfToolsAloneIsNoProject) {
  for (const char* text : {"", "[tool.ruff]\nline-length = 100\n", "# [project]\n", "[", "=", "\"",
                           "[project", "a = '''"})
    EXPECT_FALSE(read_pyproject(text).needs_build) << text;
  EXPECT_FALSE(read_pyproject("[tool.ruff]\nselect = ['E']\n").is_project);
  EXPECT_EQ(read_pyproject("project.dependencies = ['a']\n").requirements, Texts{"a"});
}

TEST(SetupPy, TellsALiteralList) {
  const auto found = read_setup_py(R"('''install_requires=["doc"]'''
from setuptools import setup
# install_requires=["comment"]
setup(name="a", packages=["a"], python_requires=">=3.9",
      install_requires=[
          "httpx>=0.27",  # why
          'rich',
      ],
      include_package_data=True)
)");
  EXPECT_FALSE(found.needs_build);
  EXPECT_EQ(found.requirements, (Texts{"httpx>=0.27", "rich"}));
  EXPECT_TRUE(read_setup_py("setup(install_requires=[])").requirements.empty());
  EXPECT_FALSE(read_setup_py("setup(name='a')").needs_build);
}

TEST(SetupPy, TellsWhenOnlyABuildKnows) {
  for (const char* text :
       {"setup(install_requires=read())", "setup(install_requires=REQUIRED + ['a'])",
        "setup(install_requires=['a' 'b'])", "setup(install_requires=['a'] + MORE)",
        "setup(install_requires=[f'a'])", "setup(**options)", "setup(install_requires=['a'"})
    EXPECT_TRUE(read_setup_py(text).needs_build) << text;
}

}  // namespace
}  // namespace pixell::apkg
