#include "apkg/stored_zip.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "apkg/zip_file.hpp"
#include "base/unique_fd.hpp"

namespace pixell::apkg {

namespace fs = std::filesystem;

namespace {

Error cannot_write(const fs::path& path, zip_error_t* error) {
  const bool is_system = zip_error_system_type(error) == ZIP_ET_SYS;
  Error wrong =
      is_system
          ? errno_error(fmt::format("cannot write {}", path.string()), zip_error_code_system(error))
          : make_error(ErrorCode::Internal, fmt::format("cannot write {}: {}", path.string(),
                                                        zip_error_strerror(error)));
  if (wrong.code == ErrorCode::ResourceExhausted) wrong.message += ": free space there";
  return wrong;
}

Result<void> add_entry(zip_t* zip, const StoredEntry& entry) {
  const auto failed = [&] {
    return make_error(ErrorCode::Internal,
                      fmt::format("cannot add {}: {}", entry.name, zip_strerror(zip)));
  };
  // Read when the archive is closed; texts outlive that.
  zip_source_t* source = entry.file.empty()
                             ? zip_source_buffer(zip, entry.text.data(), entry.text.size(), 0)
                             : zip_source_file(zip, entry.file.c_str(), 0, -1);
  if (source == nullptr) return failed();
  const zip_int64_t index = zip_file_add(zip, entry.name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    return failed();
  }
  if (zip_set_file_compression(zip, zip_uint64_t(index), ZIP_CM_STORE, 0) != 0) return failed();
  return {};
}

Result<void> write_entries(const fs::path& path, const std::vector<StoredEntry>& entries) {
  int code = 0;
  Zip zip(zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (!zip) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    Error wrong = cannot_write(path, &error);
    zip_error_fini(&error);
    return wrong;
  }
  for (const StoredEntry& entry : entries) TRY_VOID(add_entry(zip.get(), entry));
  // libzip writes beside the file, with the mode of the file, and renames.
  if (zip_close(zip.get()) != 0) return cannot_write(path, zip_get_error(zip.get()));
  static_cast<void>(zip.release());  // zip_close() has freed it
  return {};
}

}  // namespace

struct StoredZip::Handle {
  Zip zip;
};

Result<void> write_stored_zip(const fs::path& path, const std::vector<StoredEntry>& entries) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return errno_error(fmt::format("cannot make {}", path.string()), errno);
  file.reset();
  auto written = write_entries(path, entries);
  if (written) {
    file.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file || ::fsync(file.get()) != 0)
      written = errno_error(fmt::format("cannot sync {}", path.string()), errno);
  }
  if (!written) ::unlink(path.c_str());
  return written;
}

StoredZip::StoredZip(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
StoredZip::StoredZip(StoredZip&&) noexcept = default;
StoredZip& StoredZip::operator=(StoredZip&&) noexcept = default;
StoredZip::~StoredZip() = default;

Result<StoredZip> StoredZip::open(const fs::path& path) {
  auto opened = open_zip_file(path);
  if (!opened) {
    const model::Failure& failure = opened.error();
    Error error = make_error(
        failure.cause == model::Cause::PackageNotFound ? ErrorCode::NotFound : ErrorCode::DataLoss,
        failure.message);
    for (const std::string& line : failure.evidence) error.message += ": " + line;
    return error;
  }
  StoredZip zip(std::make_unique<Handle>(Handle{std::move(*opened)}));
  const zip_int64_t count = zip_get_num_entries(zip.handle_->zip.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* name = zip_get_name(zip.handle_->zip.get(), zip_uint64_t(i), 0);
    zip.names_.emplace_back(name == nullptr ? "" : name);
  }
  return zip;
}

Result<void> StoredZip::read(std::size_t position,
                             const std::function<Result<void>(std::string_view)>& sink) {
  zip_stat_t facts;
  if (zip_stat_index(handle_->zip.get(), position, 0, &facts) != 0)
    return make_error(ErrorCode::DataLoss, fmt::format("entry {} cannot be found: {}", position,
                                                       zip_strerror(handle_->zip.get())));
  std::optional<Error> refused;  // by the sink
  ZipEntryReader reader(handle_->zip.get());
  const auto done =
      reader.read({.path = names_.at(position), .bytes = facts.size, .index = position},
                  [&](std::string_view bytes) -> Checked<void> {
                    auto taken = sink(bytes);
                    if (taken) return {};
                    refused = std::move(taken).error();
                    return refuse(model::Cause::Internal, refused->message);
                  });
  if (done) return {};
  if (refused) return std::move(*refused);
  Error error = make_error(ErrorCode::DataLoss, done.error().message);
  for (const std::string& line : done.error().evidence) error.message += ": " + line;
  return error;
}

}  // namespace pixell::apkg
