#include "apkg/requirement_line.hpp"

#include <gtest/gtest.h>

#include "apkg/requirements_check.hpp"

namespace pixell::apkg {
namespace {

TEST(RequirementLine, ReadsWhatPipReads) {
  for (const char* line :
       {"requests", "My.Lib_x==1.0", "a[b,c]>=1.0,<2 ; python_version < '3.12'", "a (>=1.0)",
        "a @ https://example.com/a.whl", "a==1.0 --hash=sha256:00", "-r other.txt", "-e .",
        "--index-url=https://x/", "--pre", "./lib", "git+https://x/y.git", "https://x/a.whl",
        "a~=1.4.2", "a===1.0+local", "a!=2.*", "wheels/a-1.0-py3-none-any.whl"})
    EXPECT_TRUE(read_requirement(line)) << line;
  EXPECT_EQ(read_requirement("My.Lib_x==1.0")->project, "my-lib-x");
}

TEST(RequirementLine, RefusesWhatPipRefuses) {
  for (const char* line : {"==1.0", "a==", "a=1.0", "a >= ", "a b", "a[b", "a (>=1", "a;", "a @",
                           "--no-such-option", "--prefix x", "a=>1", "import requests"})
    EXPECT_FALSE(read_requirement(line)) << line;
}

TEST(RequirementsCheck, NamesFileAndLine) {
  Requirements requirements;
  requirements.files = {
      {"requirements.txt", "# fine\nrequests>=2  # comment\n\nbroken=1\nlong==1 \\\n  ; \n"}};
  requirements.declared = {"ok", "not ok"};
  requirements.has_pyproject = true;
  std::vector<std::string> projects;

  const auto findings = check_requirements(requirements, projects);

  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings[0].where, "requirements.txt:4");
  EXPECT_EQ(findings[1].where, "requirements.txt:5");
  EXPECT_EQ(findings[2].where, "pyproject.toml");
  EXPECT_EQ(projects, (std::vector<std::string>{"requests", "ok"}));
}

}  // namespace
}  // namespace pixell::apkg
