#include "par/prepare/prepare.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "apkg/archive.hpp"
#include "apkg/digest.hpp"
#include "apkg/manifest_parser.hpp"
#include "apkg/package_source.hpp"
#include "apkg/requirements.hpp"
#include "base/files.hpp"
#include "model/environment.hpp"
#include "model/manifest.hpp"
#include "par/prepare/environment_store.hpp"
#include "par/prepare/venv.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// One preparation: the spec, where to tell, and what is known so far.
class Preparation {
 public:
  Preparation(const Spec& spec, const std::map<std::string, std::string>& env, const Report& report)
      : spec_(spec), env_(env), report_(report) {}

  apkg::Checked<json> run() {
    CHECKED_TRY(const fs::path root, obtain());
    phase("manifest");
    CHECKED_TRY(const model::Manifest manifest, apkg::read_manifest(root));
    CHECKED_TRY(auto dotenv, read_dotenv(root));
    json result = {{"ok", true},
                   {"manifest", model::to_json(manifest)},
                   {"root", root.string()},
                   {"package_sha256", sha256_},
                   {"dotenv", dotenv}};
    if (manifest.rest || manifest.a2a || !manifest.http_server.empty()) {
      phase("dependencies");
      CHECKED_TRY_VOID(add_environment(root, manifest, result));
    }
    log("Package loaded successfully", {{"package_id", manifest.name + "@" + manifest.version}});
    return result;
  }

  apkg::Checked<json> run_warm() {
    CHECKED_TRY(const Interpreter interpreter,
                find_interpreter(spec_.python, "", spec_.worker_uid, env_));
    CHECKED_TRY(const Environment environment, provide(interpreter, {}, "/"));
    return json{{"ok", true}, {"lock", environment.lock}, {"was_there", environment.was_there}};
  }

 private:
  void phase(const char* name) { report_({{"phase", name}}); }
  void log(const char* event, json fields = json::object()) {
    report_({{"event", event}, {"fields", std::move(fields)}});
  }

  // The unpacked package.
  apkg::Checked<fs::path> obtain() {
    fs::path archive = spec_.package_path;
    phase("fetch");
    std::error_code failed;
    if (spec_.package_path.empty()) {
      archive = spec_.work_dir / "package.apkg";
      CHECKED_TRY_VOID(download(archive));
    } else if (fs::is_directory(archive, failed)) {
      log("Loading agent package", {{"path", archive.string()}});
      const fs::path real = fs::canonical(archive, failed);
      if (failed)
        return apkg::refuse(model::Cause::PackageNotFound,
                            fmt::format("cannot read {}", archive.string()));
      return real;
    }
    phase("verify");
    CHECKED_TRY_VOID(verify(archive));
    phase("unpack");
    log("Loading agent package", {{"path", archive.string()}});
    const fs::path root = spec_.work_dir / "package";
    if (auto done = apkg::unpack_archive(archive, root); !done)
      return std::unexpected(std::move(done).error());
    if (spec_.package_path.empty()) fs::remove(archive, failed);
    return root;
  }

  apkg::Checked<void> download(const fs::path& archive) {
    log("Downloading package from PACKAGE_URL");
    apkg::PackageSourceParts parts = apkg::system_package_source();
    parts.on_failed_attempt = [this](const apkg::FailedAttempt& failed) {
      report_({{"event", "Fetch attempt failed"},
               {"level", "warning"},
               {"fields",
                {{"attempt", failed.attempt},
                 {"error", failed.error},
                 {"remaining_time_sec", static_cast<double>(failed.remaining.count()) / 1000}}}});
    };
    const auto fetched = apkg::fetch_package(
        {.url = spec_.package_url,
         .sha256 = spec_.package_sha256,
         .max_bytes = static_cast<std::uint64_t>(spec_.max_package_size_mb) * 1024 * 1024,
         .allow_hosts = spec_.allow_hosts},
        archive, parts);
    if (!fetched) return std::unexpected(fetched.error());
    log("Downloaded package", {{"bytes", fetched->bytes}});
    log("Package downloaded successfully");
    return {};
  }

  apkg::Checked<void> verify(const fs::path& archive) {
    std::error_code failed;
    const auto size = fs::file_size(archive, failed);
    if (failed)
      return apkg::refuse(model::Cause::PackageNotFound,
                          fmt::format("cannot read the package {}", archive.string()),
                          {failed.message()});
    if (size > static_cast<std::uint64_t>(spec_.max_package_size_mb) * 1024 * 1024)
      return apkg::refuse(model::Cause::PackageTooLarge,
                          fmt::format("the package has {} bytes; MAX_PACKAGE_SIZE_MB allows {} MB",
                                      size, spec_.max_package_size_mb));
    auto digest = apkg::sha256_of_file(archive);
    if (!digest)
      return apkg::refuse(model::Cause::PackageNotFound, "cannot read the package", digest.error());
    sha256_ = *digest;
    if (!spec_.package_sha256.empty() && !apkg::same_digest(sha256_, spec_.package_sha256))
      return apkg::refuse(model::Cause::DigestMismatch,
                          "the package is not the one that was expected",
                          {"expected " + spec_.package_sha256, "found    " + sha256_});
    return {};
  }

  apkg::Checked<std::map<std::string, std::string>> read_dotenv(const fs::path& root) {
    const auto text = read_file(root / ".env");
    if (!text && text.error().code == ErrorCode::NotFound)
      return std::map<std::string, std::string>{};
    if (!text) return apkg::refuse(model::Cause::ManifestInvalid, "cannot read .env", text.error());
    return model::parse_dotenv(*text);
  }

  apkg::Checked<Environment> provide(const Interpreter& interpreter,
                                     apkg::Requirements requirements, const fs::path& root) {
    const auto lock = read_file(spec_.base_lock);
    const fs::path names_path = fs::path(spec_.base_lock).replace_extension(".in");
    const auto names = read_file(names_path);
    if (!lock || !names)
      return apkg::refuse(model::Cause::Internal, "the list of base packages cannot be read",
                          lock ? names.error() : lock.error());
    return EnvironmentStore(spec_.env_store)
        .provide({.interpreter = interpreter,
                  .requirements = std::move(requirements),
                  .base_lock = *lock,
                  .base_names = *names,
                  .index_url = spec_.index_url,
                  .wheelhouse = spec_.wheelhouse,
                  .is_offline = spec_.is_offline,
                  .timeout = Millis(spec_.install_timeout_s * 1000),
                  .env = env_,
                  .package_root = root},
                 [this](std::string_view key) {
                   log("Creating virtual environment", {{"environment", key.substr(0, 12)}});
                   log("Installing dependencies");
                 });
  }

  apkg::Checked<void> add_environment(const fs::path& root, const model::Manifest& manifest,
                                      json& result) {
    CHECKED_TRY(const Interpreter interpreter,
                find_interpreter(spec_.python, manifest.runtime, spec_.worker_uid, env_));
    CHECKED_TRY(apkg::Requirements requirements, apkg::find_requirements(root));
    CHECKED_TRY(const Environment environment, provide(interpreter, std::move(requirements), root));
    if (environment.was_there) log("Reusing existing venv");
    const auto python = make_venv(spec_.work_dir / "venv", interpreter, environment.site_packages);
    if (!python)
      return apkg::refuse(model::Cause::Internal, "the virtual environment cannot be made",
                          python.error());
    result["interpreter"] = interpreter.path;
    result["python_version"] = interpreter.version;
    result["venv_python"] = python->string();
    result["lock"] = environment.lock;
    return {};
  }

  const Spec& spec_;
  const std::map<std::string, std::string>& env_;
  const Report& report_;
  std::string sha256_;
};

void finish(const apkg::Checked<json>& result, const Report& report) {
  if (result)
    report(*result);
  else
    report({{"ok", false}, {"failure", model::to_json(result.error())}});
}

}  // namespace

Result<Spec> spec_from_json(const json& given) try {
  Spec spec{.package_path = given.value("package_path", std::string()),
            .package_url = given.value("package_url", std::string()),
            .package_sha256 = given.value("package_sha256", std::string()),
            .max_package_size_mb = given.value("max_package_size_mb", std::int64_t{100}),
            .allow_hosts = given.value("allow_hosts", std::vector<std::string>{}),
            .work_dir = given.value("work_dir", std::string()),
            .env_store = given.at("env_store").get<std::string>(),
            .python = given.value("python", std::string()),
            .worker_uid = given.value("worker_uid", std::int64_t{-1}),
            .base_lock = given.at("base_lock").get<std::string>(),
            .wheelhouse = given.value("wheelhouse", std::string()),
            .is_offline = given.value("offline", false),
            .index_url = given.value("index_url", std::string()),
            .install_timeout_s = given.value("install_timeout_s", std::int64_t{300})};
  return spec;
} catch (const json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument, fmt::format("bad spec: {}", wrong.what()));
}

void prepare(const Spec& spec, const std::map<std::string, std::string>& env,
             const Report& report) {
  finish(Preparation(spec, env, report).run(), report);
}

void warm(const Spec& spec, const std::map<std::string, std::string>& env, const Report& report) {
  finish(Preparation(spec, env, report).run_warm(), report);
}

}  // namespace pixell::prepare
