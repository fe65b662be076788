#include "par/prepare/prepare.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "apkg/archive.hpp"
#include "apkg/digest.hpp"
#include "apkg/dotenv_file.hpp"
#include "apkg/manifest_parser.hpp"
#include "apkg/package_source.hpp"
#include "apkg/requirements.hpp"
#include "aws/s3.hpp"
#include "base/files.hpp"
#include "model/language.hpp"
#include "model/manifest.hpp"
#include "par/prepare/collector.hpp"
#include "par/prepare/environment_store.hpp"
#include "par/prepare/other_language.hpp"
#include "par/prepare/package_reader.hpp"
#include "par/prepare/requirement_files.hpp"
#include "par/prepare/store_entry.hpp"
#include "par/prepare/store_layout.hpp"
#include "par/prepare/venv.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

json collect_unused(const Spec& spec, const Report& report) {
  const StoreLimits limits{
      .max_bytes = static_cast<std::uint64_t>(spec.env_store_max_mb) * 1024 * 1024,
      .max_idle = Millis(spec.env_store_max_idle_days * kMillisOfDay)};
  json removed = json::array();
  collect(spec.env_store, limits, [&](const Collected& gone) {
    removed.push_back(gone.key);
    report({{"event", "Removed an environment"},
            {"fields",
             {{"environment", gone.key.substr(0, 12)},
              {"bytes", gone.bytes},
              {"reason", gone.reason}}}});
  });
  return removed;
}

// One preparation: the spec, where to tell, and what is known so far.
class Preparation {
 public:
  Preparation(const Spec& spec, const std::map<std::string, std::string>& env, const Report& report)
      : spec_(spec), env_(env), report_(report), deadline_(Millis(spec.install_timeout_s * 1000)) {}

  apkg::Checked<json> run() {
    CHECKED_TRY(const fs::path source, obtain());
    CHECKED_TRY(json found,
                read_apart([&](const Report& tell) { return read(source, tell); }, report_));
    const auto manifest_read = model::manifest_from_json(found["manifest"]);
    if (!manifest_read)
      return apkg::refuse(model::Cause::Internal, "the manifest was not read",
                          manifest_read.error());
    const model::Manifest& manifest = *manifest_read;
    const fs::path root = root_of(source);
    std::error_code ignored;  // par removes the directory in the end
    if (spec_.package_path.empty()) fs::remove(source, ignored);
    json result = {{"ok", true},
                   {"manifest", model::to_json(manifest)},
                   {"root", root.string()},
                   {"package_sha256", sha256_},
                   {"dotenv", found["dotenv"]}};
    if (!model::needs_worker(manifest)) return result;
    phase("dependencies");
    if (model::language_of(manifest) == model::Language::Python)
      CHECKED_TRY_VOID(add_environment(root, manifest, result));
    else
      CHECKED_TRY_VOID(add_other_language(root, manifest, result));
    return result;
  }

  apkg::Checked<json> run_warm() {
    CHECKED_TRY(const Interpreter interpreter,
                find_interpreter(spec_.python, "", spec_.worker_uid, env_,
                                 StoreLayout{spec_.env_store}.interpreters()));
    CHECKED_TRY(const Environment environment, provide(interpreter, {}, "/"));
    return json{{"ok", true},
                {"lock_file", environment.lock_file.string()},
                {"was_there", environment.was_there}};
  }

  bool has_installed() const { return has_installed_; }

 private:
  void phase(const char* name) { report_({{"phase", name}}); }
  void log(const char* event, json fields = json::object()) {
    report_({{"event", event}, {"fields", std::move(fields)}});
  }

  // Where the package's files are, or are going to be.
  fs::path root_of(const fs::path& source) const {
    return is_directory_ ? source : spec_.work_dir / "package";
  }

  // The verified archive, or the directory that the package is.
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
      if (!spec_.package_sha256.empty())
        report_({{"event", "PACKAGE_SHA256 is not checked: the package is a directory"},
                 {"level", "warning"}});
      is_directory_ = true;
      return real;
    }
    phase("verify");
    CHECKED_TRY_VOID(verify(archive));
    phase("unpack");
    log("Loading agent package", {{"path", archive.string()}});
    return archive;
  }

  // What is read of the package, with no more rights than that takes (package_reader.hpp).
  apkg::Checked<json> read(const fs::path& source, const Report& tell) const {
    const fs::path root = root_of(source);
    if (!is_directory_) {
      CHECKED_TRY(const apkg::ArchiveListing listing, apkg::unpack_archive(source, root));
      if (!listing.warnings.empty())
        tell({{"event", "Names in the package differ only in case"},
              {"level", "warning"},
              {"fields", {{"names", listing.warnings}}}});
    }
    tell({{"phase", "manifest"}});
    CHECKED_TRY(const model::Manifest manifest, apkg::read_manifest(root));
    for (const std::string& line : manifest.warnings) warn_left_out(line, tell);
    std::vector<std::string> skipped;
    CHECKED_TRY(const auto dotenv, apkg::read_dotenv(root, &skipped));
    for (const std::string& line : skipped) warn_left_out(line, tell);
    return json{{"manifest", model::to_json(manifest)}, {"dotenv", dotenv}};
  }

  apkg::Checked<void> download(const fs::path& archive) {
    log("Downloading package from PACKAGE_URL");
    apkg::PackageSourceParts parts = apkg::system_package_source();
    aws::S3 s3(aws::real_outside(), spec_.package_credentials == "container"
                                        ? aws::without_own_credentials(env_)
                                        : env_);
    parts.download = [&s3](const aws::ObjectDownload& wanted) { return s3.download(wanted); };
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
    const bool is_s3 = spec_.package_url.starts_with("s3://");
    log(is_s3 ? "Downloaded package from S3" : "Downloaded package", {{"bytes", fetched->bytes}});
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
                                      size, spec_.max_package_size_mb),
                          {archive.string()});
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

  StoreEvents store_events() {
    return {.on_resolve =
                [this](std::string_view key) {
                  log("Resolving dependencies", {{"environment", key.substr(0, 12)}});
                },
            .on_install =
                [this](std::string_view key) {
                  has_installed_ = true;
                  log("Installing dependencies", {{"environment", key.substr(0, 12)}});
                },
            .on_damaged =
                [this](std::string_view reason) {
                  report_({{"event", "The environment is damaged and is made again"},
                           {"level", "warning"},
                           {"fields", {{"reason", reason}}}});
                }};
  }

  static void warn_left_out(const std::string& where, const Report& tell) {
    tell({{"event", "A variable of the package is left out"},
          {"level", "warning"},
          {"fields", {{"where", where}}}});
  }

  apkg::Checked<Environment> provide(const Interpreter& interpreter,
                                     apkg::Requirements requirements, const fs::path& root) {
    const auto lock = read_file(spec_.base_lock);
    const fs::path names_path = fs::path(spec_.base_lock).replace_extension(".in");
    const auto names = read_file(names_path);
    if (!lock || !names)
      return apkg::refuse(model::Cause::Internal, "the list of base packages cannot be read",
                          lock ? names.error() : lock.error());
    StoreEvents events = store_events();
    events.on_install = [this, told = std::move(events.on_install)](std::string_view key) {
      log("Creating virtual environment", {{"environment", key.substr(0, 12)}});
      told(key);
    };
    // A directory has no digest; what its build says may depend on every file.
    std::string sha256 = sha256_;
    if (requirements.needs_build && sha256.empty()) {
      CHECKED_TRY(sha256, digest_of_project(root));
    }
    return EnvironmentStore(spec_.env_store, spec_.shipped_store)
        .provide({.interpreter = interpreter,
                  .requirements = std::move(requirements),
                  .package_sha256 = std::move(sha256),
                  .base_lock = *lock,
                  .base_names = *names,
                  .index_url = spec_.index_url,
                  .wheelhouse = spec_.wheelhouse,
                  .is_offline = spec_.is_offline,
                  .worker_uid = spec_.worker_uid,
                  .deadline = deadline_,
                  .env = env_,
                  .package_root = root},
                 events);
  }

  apkg::Checked<void> add_environment(const fs::path& root, const model::Manifest& manifest,
                                      json& result) {
    CHECKED_TRY(const Interpreter interpreter,
                find_interpreter(spec_.python, manifest.runtime, spec_.worker_uid, env_,
                                 StoreLayout{spec_.env_store}.interpreters()));
    if (!interpreter.warning.empty())
      report_({{"event", "Another Python is used than the package names"},
               {"level", "warning"},
               {"fields", {{"reason", interpreter.warning}}}});
    CHECKED_TRY(apkg::Requirements requirements, apkg::find_requirements(root));
    CHECKED_TRY(const Environment environment, provide(interpreter, std::move(requirements), root));
    if (environment.was_there) log("Reusing existing venv");
    const auto python = make_venv(spec_.work_dir / "venv", interpreter, environment.site_packages);
    if (!python)
      return apkg::refuse(model::Cause::Internal, "the virtual environment cannot be made",
                          python.error());
    result["interpreter"] = interpreter.path;
    result["interpreter_version"] = interpreter.version;
    result["venv_python"] = python->string();
    result["lock_file"] = environment.lock_file.string();
    return {};
  }

  apkg::Checked<void> add_other_language(const fs::path& root, const model::Manifest& manifest,
                                         json& result) {
    const StoreEvents events = store_events();
    const OtherLanguage given{
        .spec = spec_,
        .env = env_,
        .root = root,
        .manifest = manifest,
        .deadline = deadline_,
        .events = events,
        .log = [this](const char* event, const char* level, const json& fields) {
          report_({{"event", event}, {"level", level}, {"fields", fields}});
        }};
    return model::language_of(manifest) == model::Language::Node
               ? prepare_node(given, result)
               : prepare_executable(given, result);
  }

  const Spec& spec_;
  const std::map<std::string, std::string>& env_;
  const Report& report_;
  Deadline deadline_;
  std::string sha256_;
  bool is_directory_ = false;
  bool has_installed_ = false;
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
            .package_credentials = given.value("package_credentials", std::string()),
            .max_package_size_mb = given.value("max_package_size_mb", std::int64_t{100}),
            .allow_hosts = given.value("allow_hosts", std::vector<std::string>{}),
            .work_dir = given.value("work_dir", std::string()),
            .env_store = given.at("env_store").get<std::string>(),
            .shipped_store = given.value("shipped_store", std::string()),
            .python = given.value("python", std::string()),
            .worker_uid = given.value("worker_uid", std::int64_t{-1}),
            .base_lock = given.at("base_lock").get<std::string>(),
            .wheelhouse = given.value("wheelhouse", std::string()),
            .is_offline = given.value("offline", false),
            .index_url = given.value("index_url", std::string()),
            .install_timeout_s = given.value("install_timeout_s", std::int64_t{300})};
  spec.env_store_max_mb = given.value("env_store_max_mb", spec.env_store_max_mb);
  spec.env_store_max_idle_days =
      given.value("env_store_max_idle_days", spec.env_store_max_idle_days);
  return spec;
} catch (const json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument, fmt::format("bad spec: {}", wrong.what()));
}

void prepare(const Spec& spec, const std::map<std::string, std::string>& env,
             const Report& report) {
  Preparation preparation(spec, env, report);
  const auto result = preparation.run();
  finish(result, report);
  if (result && preparation.has_installed()) collect_unused(spec, report);
}

void check(const Spec& spec, const Report& report) {
  json damaged = json::array();
  check_entries(spec.env_store, [&](const DamagedEntry& found) {
    damaged.push_back(found.key);
    report({{"event", found.is_in_use ? "A damaged environment is in use and stays"
                                      : "A damaged environment was set aside"},
            {"level", "warning"},
            {"fields", {{"environment", found.key.substr(0, 12)}, {"reason", found.reason}}}});
  });
  const json removed = collect_unused(spec, report);
  report({{"ok", true}, {"damaged", damaged}, {"removed", removed}});
}

void warm(const Spec& spec, const std::map<std::string, std::string>& env, const Report& report) {
  finish(Preparation(spec, env, report).run_warm(), report);
}

}  // namespace pixell::prepare
