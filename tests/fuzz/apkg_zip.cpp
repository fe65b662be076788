// A package of a stranger: whatever the bytes, inspecting agrees with unpacking, unpacking keeps
// the limits and touches nothing but its destination, and a refused archive leaves nothing.

#include <sys/stat.h>

#include <cstdint>
#include <set>
#include <string>

#include "apkg/archive.hpp"
#include "base/check.hpp"
#include "input.hpp"
#include "scratch_directory.hpp"

namespace {

namespace fs = std::filesystem;
using pixell::apkg::ArchiveEntry;
using pixell::apkg::ArchiveLimits;
using pixell::apkg::ArchiveListing;

constexpr ArchiveLimits kLimits{.entries = 64,
                                .file_bytes = 64 * 1024,
                                .total_bytes = 256 * 1024,
                                .ratio = 200,
                                .unjudged_bytes = 16 * 1024};

// Every path a listing makes, directories included.
std::set<std::string> promised(const ArchiveListing& listing) {
  std::set<std::string> paths;
  for (const ArchiveEntry& entry : listing.entries)
    for (fs::path path = entry.path; !path.empty(); path = path.parent_path())
      paths.insert(path.string());
  return paths;
}

void check_listing(const ArchiveListing& listing) {
  CHECK(listing.entries.size() <= kLimits.entries, "as many entries as the limit says");
  std::uint64_t total = 0;
  for (const ArchiveEntry& entry : listing.entries) {
    CHECK(entry.bytes <= kLimits.file_bytes, "no file is over the limit");
    total += entry.bytes;
  }
  CHECK(total == listing.unpacked_bytes && total <= kLimits.total_bytes, "nor all together");
}

void check_unpacked(const ArchiveListing& listing, const fs::path& root) {
  std::set<std::string> found;
  for (const auto& item : fs::recursive_directory_iterator(root)) {
    struct stat info {};
    CHECK(::lstat(item.path().c_str(), &info) == 0, "what was unpacked is there");
    CHECK(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode), "only files and directories");
    CHECK((info.st_mode & 07022) == 0, "nothing anybody else may write, nothing set-uid");
    found.insert(item.path().lexically_relative(root).string());
  }
  CHECK(found == promised(listing), "what was promised, and nothing else");
  for (const ArchiveEntry& entry : listing.entries)
    if (!entry.is_directory)
      CHECK(fs::file_size(root / entry.path) == entry.bytes, "as large as promised");
}

std::set<std::string> names_in(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& item : fs::directory_iterator(directory)) names.insert(item.path().filename());
  return names;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const pixell::fuzz::ScratchDirectory scratch;
  const std::string_view bytes = pixell::fuzz::text_of(data, size);
  const fs::path archive = scratch.path() / "package.apkg";
  const fs::path root = scratch.path() / "unpacked";
  pixell::fuzz::write_scratch(archive, bytes);
  fs::remove_all(root);

  const auto inspected = pixell::apkg::inspect_archive(archive, kLimits);
  if (inspected) check_listing(*inspected);
  const auto read = pixell::apkg::inspect_archive_bytes(bytes, kLimits);
  CHECK(!read || inspected, "in memory nothing is right that is wrong in a file");
  const auto survey = pixell::apkg::survey_archive(archive, kLimits);
  CHECK(survey.findings.empty() == inspected.has_value(), "a survey finds what is wrong");
  CHECK(survey.findings.size() <= pixell::apkg::kMaxArchiveFindings, "within its limit");

  const auto unpacked = pixell::apkg::unpack_archive(archive, root, kLimits);
  CHECK(unpacked.has_value() == read.has_value(), "what can be read can be unpacked");
  if (unpacked) {
    check_unpacked(*unpacked, root);
    const auto manifest =
        pixell::apkg::read_archive_file(archive, "agent.yaml", kLimits.file_bytes, kLimits);
    CHECK(manifest.has_value() == survey.manifest.has_value(), "a survey reads the manifest");
    CHECK(!manifest || *manifest == *survey.manifest, "as it is");
  }
  const std::set<std::string> left = names_in(scratch.path());
  CHECK(left == (unpacked ? std::set<std::string>{"package.apkg", "unpacked"}
                          : std::set<std::string>{"package.apkg"}),
        "nothing beside the destination");
  return 0;
}
