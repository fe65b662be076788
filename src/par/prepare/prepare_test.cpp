#include "par/prepare/prepare.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "apkg/testing/zip_writer.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "base/testing/temp_directory.hpp"
#include "par/prepare/declared_hashes.hpp"
#include "par/prepare/installer.hpp"
#include "par/prepare/installer_failure.hpp"
#include "par/prepare/interpreter.hpp"
#include "par/prepare/limits.hpp"
#include "par/prepare/program.hpp"
#include "par/prepare/requirement_files.hpp"

namespace pixell::prepare {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class PrepareTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(root_ / "work");
    fs::create_directories(root_ / "wheels");
    std::ofstream(root_ / "base.in") << "";
    std::ofstream(root_ / "base.lock") << "";
  }

  // A pure-Python wheel (PEP 427) with one module.
  void add_wheel(const std::string& name, const std::string& version) {
    const std::string info = name + "-" + version + ".dist-info/";
    apkg::testing::ZipWriter zip;
    zip.add(name + ".py", "VERSION = '" + version + "'\n");
    zip.add(info + "METADATA",
            "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n");
    zip.add(info + "WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n");
    zip.add(info + "RECORD", "");
    std::ofstream(root_ / "wheels" / (name + "-" + version + "-py3-none-any.whl")) << zip.bytes();
  }

  fs::path package(const std::string& manifest, const std::string& requirements = "") {
    apkg::testing::ZipWriter zip;
    zip.add("agent.yaml", manifest);
    if (!requirements.empty()) zip.add("requirements.txt", requirements);
    zip.add(".env", "KEY=value\n");
    const fs::path path = root_ / "agent.apkg";
    std::ofstream(path) << zip.bytes();
    return path;
  }

  json run(const fs::path& package_path, const std::string& sha256 = "") {
    const Spec spec{.package_path = package_path.string(),
                    .package_sha256 = sha256,
                    .work_dir = root_ / "work",
                    .env_store = root_ / "store",
                    .shipped_store = shipped_,
                    .base_lock = root_ / "base.lock",
                    .wheelhouse = root_ / "wheels",
                    .is_offline = true,
                    .install_timeout_s = 60};
    lines_.clear();
    prepare(spec, own_environment(), [this](const json& line) { lines_.push_back(line); });
    return lines_.empty() ? json() : lines_.back();
  }
  std::string cause(const json& result) {
    return result.contains("failure") ? result["failure"]["cause"].get<std::string>()
                                      : "none: " + result.dump();
  }
  bool has_event(const std::string& event) const {
    for (const json& line : lines_)
      if (line.value("event", "") == event) return true;
    return false;
  }

  TempDirectory root_;
  fs::path shipped_;
  std::vector<json> lines_;
};

TEST_F(PrepareTest, PreparesAPackageThatNeedsNoInterpreter) {
  const json result = run(package("name: a\nui: {path: ui}\n"));

  ASSERT_TRUE(result["ok"]) << result.dump(1);
  EXPECT_TRUE(fs::exists(fs::path(result["root"]) / "agent.yaml"));
  EXPECT_EQ(result["dotenv"]["KEY"], "value");
  EXPECT_FALSE(result.contains("venv_python"));
}

TEST_F(PrepareTest, InstallsRequirementsOnceAndTheVenvSeesThem) {
  add_wheel("tinydep", "1.5");
  const fs::path path = package("name: a\nrest: {entry: \"m:f\"}\n", "tinydep>=1.0\n");

  const json first = run(path);

  ASSERT_TRUE(first["ok"]) << first.dump(1);
  EXPECT_TRUE(has_event("Installing dependencies"));
  const std::string lock = read_file(first["lock_file"].get<std::string>()).value();
  EXPECT_TRUE(lock.starts_with("tinydep==1.5 --hash=sha256:")) << lock;
  EXPECT_EQ(lock.find('\n'), lock.size() - 1);
  const auto seen =
      run_program({.argv = {first["venv_python"], "-c", "import tinydep; print(tinydep.VERSION)"},
                   .env = own_environment()});
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_EQ(seen->output, "1.5\n");

  const json again = run(path);
  ASSERT_TRUE(again["ok"]);
  EXPECT_TRUE(has_event("Reusing existing venv"));
  EXPECT_FALSE(has_event("Installing dependencies"));
}

TEST_F(PrepareTest, TakesTheBaseEnvironmentThatCameWithParAndWritesNothing) {
  const fs::path path = package("name: a\nrest: {entry: \"m:f\"}\n");
  shipped_ = root_ / "shipped";
  warm({.env_store = shipped_, .base_lock = root_ / "base.lock", .install_timeout_s = 60},
       own_environment(), [](const json&) {});

  const json result = run(path);

  ASSERT_TRUE(result["ok"]) << result.dump(1);
  EXPECT_TRUE(has_event("Reusing existing venv"));
  EXPECT_TRUE(result["lock_file"].get<std::string>().starts_with(shipped_.string()));
  EXPECT_FALSE(fs::exists(root_ / "store" / ".leases")) << "nobody collects what was shipped";

  add_wheel("tinydep", "1.5");
  const json other = run(package("name: a\nrest: {entry: \"m:f\"}\n", "tinydep>=1.0\n"));
  ASSERT_TRUE(other["ok"]) << other.dump(1);
  EXPECT_TRUE(has_event("Installing dependencies"));
}

TEST_F(PrepareTest, DigestsWhatABuildOfAFolderMayRead) {
  const fs::path folder = root_ / "project";
  fs::create_directories(folder / "inner" / "__pycache__");
  fs::create_directories(folder / ".git");
  std::ofstream(folder / "inner" / "deps.in") << "a";
  fs::create_symlink("nowhere", folder / "broken-link");
  const std::string first = digest_of_project(folder).value();

  std::ofstream(folder / "inner" / "__pycache__" / "x.pyc") << "cache";
  std::ofstream(folder / ".git" / "index") << "x";
  EXPECT_EQ(digest_of_project(folder).value(), first);
  std::ofstream(folder / "inner" / "deps.in") << "b";
  const std::string second = digest_of_project(folder).value();
  EXPECT_NE(second, first);
  fs::rename(folder / "inner" / "deps.in", folder / "deps.in");
  EXPECT_NE(digest_of_project(folder).value(), second);

  std::ofstream long_file(folder / "model.bin");
  long_file << std::string(kMaxHashedFileBytes + 1, 'x') << std::flush;
  const std::string with_model = digest_of_project(folder).value();
  fs::last_write_time(folder / "model.bin", fs::file_time_type());
  EXPECT_NE(digest_of_project(folder).value(), with_model);
  EXPECT_FALSE(digest_of_project(root_ / "absent"));
}

TEST_F(PrepareTest, NamesTheCauseOfWhatCannotBePrepared) {
  const fs::path missing = package("name: a\nrest: {entry: \"m:f\"}\n", "no-such-thing==9\n");
  const json not_found = run(missing);
  EXPECT_EQ(cause(not_found), "dependency_not_found") << not_found.dump(1);
  EXPECT_FALSE(not_found["failure"]["evidence"].empty());
  EXPECT_EQ(cause(run(missing, std::string(64, '0'))), "digest_mismatch");
  EXPECT_EQ(cause(run(root_ / "absent.apkg")), "package_not_found");
  std::ofstream(root_ / "text.apkg") << "no zip";
  EXPECT_EQ(cause(run(root_ / "text.apkg")), "not_a_zip");
  EXPECT_EQ(cause(run(package("name: a\nruntime: go1.21\nrest: {entry: \"m:f\"}\n"))),
            "wrong_runtime");
  EXPECT_EQ(cause(run(package("name: a\nruntime: python3.99\nrest: {entry: \"m:f\"}\n"))),
            "wrong_runtime");
}

TEST(WantedPython, TakesNoUpperBoundForALowerOne) {
  struct Row {
    const char* runtime;
    Version least;
    std::optional<Version> below;
  };
  for (const Row& row : {Row{"python<4", {}, Version{4, 0}},
                         {"python >= 3.8, < 3.13", {3, 8}, Version{3, 13}},
                         {"python<3.13,>=3.8", {3, 8}, Version{3, 13}},
                         {"python<=3.12", {}, Version{3, 13}},
                         {"python<=3", {}, Version{4, 0}},
                         {"python<3.12.4", {}, Version{3, 13}},
                         {"python!=3.9.*,>=3.8", {3, 8}, std::nullopt},
                         {"python!=3.9", {}, std::nullopt}}) {
    EXPECT_EQ(wanted_python(row.runtime)->least, row.least) << row.runtime;
    EXPECT_EQ(wanted_python(row.runtime)->below, row.below) << row.runtime;
  }
}

TEST(WantedPython, ReadsWhatManifestsSay) {
  EXPECT_EQ(wanted_python("")->least, Version());
  EXPECT_EQ(wanted_python("python3.11")->least.minor, 11);
  EXPECT_EQ(wanted_python("python>=3.8")->least.minor, 8);
  EXPECT_EQ(wanted_python("python3")->least.major, 3);
  EXPECT_EQ(wanted_python("Python 3.12")->least.minor, 12);
  EXPECT_EQ(wanted_python("3.11")->least.minor, 11);
  EXPECT_FALSE(wanted_python("python3.11")->is_range);
  EXPECT_FALSE(wanted_python("python==3.11")->is_range);
  EXPECT_TRUE(wanted_python("python>=3.8")->is_range);
  for (const char* other : {"node20", "go1.21", "pypy3.9", "ruby"})
    EXPECT_FALSE(wanted_python(other)) << other;
}

// A program that says it is some Python.
class InterpretersTest : public PrepareTest {
 protected:
  std::string add(const std::string& name, int minor) {
    fs::create_directories(root_ / "bin");
    const fs::path path = root_ / "bin" / name;
    std::ofstream(path) << "#!/bin/sh\necho '"
                        << json{{"path", path.string()},
                                {"version", "3." + std::to_string(minor) + ".0"},
                                {"major", 3},
                                {"minor", minor},
                                {"abi", "none"},
                                {"platform", "none"}}
                               .dump()
                        << "'\n";
    fs::permissions(path, fs::perms(0755));
    return path.string();
  }
  apkg::Checked<Interpreter> find(std::string_view runtime, const std::string& wanted = "") {
    return find_interpreter(wanted, runtime, -1, {{"PATH", (root_ / "bin").string()}});
  }
};

TEST_F(InterpretersTest, PrefersTheMinorVersionThatIsNamed) {
  add("python3", 98);
  const std::string named = add("python3.97", 97);

  const auto found = find("python3.97");

  ASSERT_TRUE(found);
  EXPECT_EQ(found->path, named);
  EXPECT_TRUE(found->warning.empty()) << found->warning;
}

TEST_F(InterpretersTest, TakesANewerOneWithAWarning) {
  add("python3", 98);

  const auto newer = find("python3.97");
  const auto range = find("python>=3.97");

  ASSERT_TRUE(newer && range);
  EXPECT_EQ(newer->warning, "the package asks for Python 3.97; Python 3.98.0 is used");
  EXPECT_TRUE(range->warning.empty()) << range->warning;
}

TEST_F(InterpretersTest, RefusesAnOlderOneAndSaysWhatThereIs) {
  const auto found = find("python3.99", add("python3", 98));

  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().cause, model::Cause::WrongRuntime);
  EXPECT_EQ(found.error().message, "no Python 3.99 or newer was found");
  EXPECT_NE(found.error().evidence.at(0).find("Python 3.98.0"), std::string::npos);
}

TEST_F(InterpretersTest, RefusesANewerOneThanTheUpperBound) {
  const std::string only = add("python3", 98);

  EXPECT_TRUE(find("python<4", only));
  const auto found = find("python>=3.8,<3.98", only);

  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "no Python 3.8 or newer and older than 3.98 was found");
}

TEST(InstallerFailure, RemovesPasswordsFromTheEvidence) {
  const auto failure =
      installer_failure("error: https://me:hunter2@index.example/simple timed out");

  EXPECT_EQ(failure.cause, model::Cause::DependencyTimeout);
  EXPECT_EQ(failure.evidence.at(0).find("hunter2"), std::string::npos);
}

TEST(InstallerFailure, KnowsARepositoryThatCannotBeFetched) {
  const auto failure = installer_failure("  Git operation failed\n  failed to clone into: /x");

  EXPECT_EQ(failure.cause, model::Cause::DependencyFailed);
  EXPECT_NE(failure.message.find("git repository"), std::string::npos);
}

TEST(InstallerFailure, KnowsAnIndexWhoseCertificateIsNotTrusted) {
  // pip's and uv's words.
  for (const char* output :
       {"WARNING: Retrying after connection broken by 'SSLError(SSLCertVerificationError(1, '[SSL: "
        "CERTIFICATE_VERIFY_FAILED] certificate verify failed'))'\n"
        "ERROR: No matching distribution found for a==1",
        "error: Failed to fetch: `https://pypi.org/simple/a/`\n"
        "  Caused by: invalid peer certificate: UnknownIssuer"}) {
    const auto failure = installer_failure(output);

    EXPECT_EQ(failure.cause, model::Cause::DependencyFailed) << output;
    EXPECT_NE(failure.remedy.find("SSL_CERT_FILE"), std::string::npos) << failure.remedy;
  }
}

TEST(DeclaredHashes, TakeThePlaceOfThoseOfTheIndex) {
  const std::string lock = "My-Lib==1 \\\n    --hash=sha256:00\nother==2 --hash=sha256:11\n";
  apkg::Requirements requirements;
  EXPECT_EQ(with_declared_hashes(lock, requirements), lock);

  requirements.files = {
      {"requirements.txt",
       "-r more.txt\nmy_lib==1 \\\n  --hash=sha256:22 \\\n  --hash=sha512:33  # why\nother\n"}};

  EXPECT_EQ(with_declared_hashes(lock, requirements),
            "My-Lib==1 --hash=sha256:22 --hash=sha512:33\nother==2 --hash=sha256:11\n");
}

TEST(LockLines, JoinsContinuationsAndDropsComments) {
  EXPECT_EQ(lock_lines(
                "# c\na==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n    # via x\nb==2\n"),
            (std::vector<std::string>{"a==1 --hash=sha256:00 --hash=sha256:11", "b==2"}));
}

TEST(RunProgram, EndsAProgramThatTakesTooLong) {
  const auto end =
      run_program({.argv = {"/bin/sleep", "600"}, .env = own_environment(), .timeout = Millis(50)});

  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::DeadlineExceeded);
}

}  // namespace
}  // namespace pixell::prepare
