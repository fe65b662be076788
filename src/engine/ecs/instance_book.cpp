#include "engine/ecs/instance_book.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"

namespace pixell::engine::ecs {

namespace fs = std::filesystem;
using model::InstancePhase;
using nlohmann::json;

namespace {

constexpr const char* kRecordFile = "record.json";
constexpr const char* kScalings = "scaling";

json to_json(const InstanceRecord& record) {
  json document = {{"spec", engine::to_json(record.spec)},
                   {"slot", to_string(record.slot)},
                   {"recorded_at", record.recorded_at},
                   {"is_found", record.is_found},
                   {"task", record.task},
                   {"is_tagged", record.is_tagged},
                   {"address", record.address},
                   {"task_status", record.task_status},
                   {"was_ready", record.was_ready},
                   {"is_leaving", record.is_leaving},
                   {"protected_until", record.protected_until},
                   {"changed_at", record.changed_at}};
  if (record.stop)
    document["stop"] = {{"requested_at", record.stop->requested_at},
                        {"deadline", record.stop->deadline},
                        {"is_forced", record.stop->is_forced}};
  if (record.end) document["end"] = engine::to_json(*record.end);
  return document;
}

Slot slot_from(const json& name) { return name == "b" ? Slot::B : Slot::A; }

Result<InstanceRecord> record_from(const json& document) {
  InstanceRecord record;
  TRY(record.spec, instance_spec_from_json(document.at("spec")));
  record.slot = slot_from(document.at("slot"));
  record.recorded_at = document.at("recorded_at").get<UnixMillis>();
  record.is_found = document.at("is_found").get<bool>();
  record.task = document.at("task").get<std::string>();
  record.is_tagged = document.at("is_tagged").get<bool>();
  record.address = document.at("address").get<std::string>();
  record.task_status = document.at("task_status").get<std::string>();
  record.was_ready = document.at("was_ready").get<bool>();
  record.is_leaving = document.at("is_leaving").get<bool>();
  record.protected_until = document.value("protected_until", UnixMillis{0});  // since version 6
  record.changed_at = document.at("changed_at").get<UnixMillis>();
  if (document.contains("stop")) {
    const json& stop = document.at("stop");
    record.stop = AskedStop{.requested_at = stop.at("requested_at").get<UnixMillis>(),
                            .deadline = stop.at("deadline").get<UnixMillis>(),
                            .is_forced = stop.at("is_forced").get<bool>()};
  }
  if (document.contains("end")) {
    TRY(record.end, instance_from_json(document.at("end")));
  }
  return record;
}

json to_json(const SlotRecord& record) {
  return {{"app", record.app_id},           {"slot", to_string(record.slot)},
          {"revision", record.revision},    {"definition", record.definition},
          {"desired", record.desired},      {"is_protected", record.is_protected},
          {"has_failed", record.has_failed}};
}

Result<SlotRecord> slot_record_from(const json& document) {
  return SlotRecord{.app_id = document.at("app").get<std::string>(),
                    .slot = slot_from(document.at("slot")),
                    .revision = document.at("revision").get<std::int64_t>(),
                    .definition = document.at("definition").get<std::string>(),
                    .desired = document.at("desired").get<int>(),
                    .is_protected = document.at("is_protected").get<bool>(),
                    .has_failed = document.at("has_failed").get<bool>()};
}

json to_json(const ScalingRecord& record) {
  json document = {{"app", record.app_id}, {"has_target", record.has_target}};
  if (record.report) document["report"] = model::to_json(*record.report);
  return document;
}

Result<ScalingRecord> scaling_record_from(const json& document) {
  ScalingRecord record{.app_id = document.at("app").get<std::string>()};
  record.has_target = document.at("has_target").get<std::array<bool, kSlots>>();
  if (document.contains("report")) {
    TRY(record.report, model::scaling_report_from_json(document.at("report")));
  }
  return record;
}

// A record, or DataLoss with the file's name.
template <class Decode>
auto read_record(const fs::path& path, const Decode& decode) -> decltype(decode(json())) {
  TRY(const std::string text, read_file(path));
  const auto lost = [&path](std::string_view why) {
    return make_error(
        ErrorCode::DataLoss,
        fmt::format("{}: {}; remove it: its task is found again by its tags", path.string(), why));
  };
  try {
    auto read = decode(json::parse(text));
    if (!read) return lost(read.error().message);
    return read;
  } catch (const json::exception& wrong) {
    return lost(wrong.what());
  }
}

Result<std::vector<fs::path>> names_in(const fs::path& directory) {
  std::vector<fs::path> paths;
  std::error_code failed;
  for (fs::directory_iterator each(directory, failed), end; !failed && each != end;
       each.increment(failed))
    paths.push_back(each->path());
  if (failed && failed != std::errc::no_such_file_or_directory)
    return make_error(ErrorCode::Internal,
                      fmt::format("cannot list {}: {}", directory.string(), failed.message()));
  return paths;
}

}  // namespace

model::Instance view_of(const InstanceRecord& record) {
  if (record.end) return *record.end;
  model::Instance seen;
  seen.id = record.spec.id;
  seen.app_id = record.spec.app_id;
  seen.revision = record.spec.revision;
  seen.started_at = record.recorded_at;
  seen.changed_at = record.changed_at;
  seen.address = record.address;
  seen.boot_phase = record.was_ready ? "ready" : record.task_status;
  if (record.stop || record.is_leaving)
    seen.phase = InstancePhase::Draining;
  else
    seen.phase = record.was_ready ? InstancePhase::Ready : InstancePhase::Starting;
  return seen;
}

fs::path InstanceBook::directory_of(const std::string& id) const {
  return directory_ / "instances" / id;
}

Result<void> InstanceBook::load() {
  const std::lock_guard lock(mutex_);
  TRY(const std::vector<fs::path> instances, names_in(directory_ / "instances"));
  for (const fs::path& each : instances) {
    auto record = read_record(each / kRecordFile, record_from);
    // A crash between the directory and the record: nothing was asked of AWS yet.
    if (!record && record.error().code == ErrorCode::NotFound) continue;
    if (!record) return std::move(record).error();
    const std::string id = record->spec.id;
    of_app_[record->spec.app_id].insert(id);
    instances_.insert_or_assign(id, std::move(*record));
  }
  TRY(const std::vector<fs::path> slots, names_in(directory_ / "slots"));
  for (const fs::path& each : slots) {
    if (each.extension() != ".json") continue;  // what a cut write left
    TRY(SlotRecord record, read_record(each, slot_record_from));
    const auto key = std::pair(record.app_id, record.slot);
    slots_.insert_or_assign(key, std::move(record));
  }
  return load_scalings();
}

Result<void> InstanceBook::load_scalings() {
  TRY(const std::vector<fs::path> found, names_in(directory_ / kScalings));
  for (const fs::path& each : found) {
    if (each.extension() != ".json") continue;  // what a cut write left
    TRY(ScalingRecord record, read_record(each, scaling_record_from));
    const std::string app_id = record.app_id;
    scalings_.insert_or_assign(app_id, std::move(record));
  }
  return {};
}

std::optional<InstanceRecord> InstanceBook::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = instances_.find(id);
  return found == instances_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<InstanceRecord> InstanceBook::instances(const std::string& app_id) const {
  const std::lock_guard lock(mutex_);
  std::vector<InstanceRecord> found;  // ULIDs sort by time
  if (app_id.empty()) {
    for (const auto& [id, record] : instances_) found.push_back(record);
  } else if (const auto ids = of_app_.find(app_id); ids != of_app_.end()) {
    for (const std::string& id : ids->second) found.push_back(instances_.at(id));
  }
  return found;
}

Result<void> InstanceBook::keep(const InstanceRecord& record) {
  const std::lock_guard lock(mutex_);
  const fs::path directory = directory_of(record.spec.id);
  TRY_VOID(make_directories(directory));
  TRY_VOID(write_file_atomically(directory / kRecordFile, to_json(record).dump(), 0600));
  if (!instances_.contains(record.spec.id)) TRY_VOID(sync_directory(directory.parent_path()));
  of_app_[record.spec.app_id].insert(record.spec.id);
  instances_.insert_or_assign(record.spec.id, record);
  return {};
}

Result<void> InstanceBook::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  std::error_code failed;
  // The record first: a directory without one is nothing.
  fs::remove(directory_of(id) / kRecordFile, failed);
  if (!failed) fs::remove_all(directory_of(id), failed);
  if (failed)
    return make_error(
        ErrorCode::Internal,
        fmt::format("cannot remove {}: {}", directory_of(id).string(), failed.message()));
  const auto found = instances_.find(id);
  if (found == instances_.end()) return {};
  of_app_[found->second.spec.app_id].erase(id);
  instances_.erase(found);
  return {};
}

SlotRecord InstanceBook::slot(const std::string& app_id, Slot slot) const {
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find({app_id, slot});
  if (found != slots_.end()) return found->second;
  SlotRecord fresh;
  fresh.app_id = app_id;
  fresh.slot = slot;
  return fresh;
}

std::vector<SlotRecord> InstanceBook::slots() const {
  const std::lock_guard lock(mutex_);
  std::vector<SlotRecord> all;
  for (const auto& [key, record] : slots_) all.push_back(record);
  return all;
}

Result<void> InstanceBook::keep(const SlotRecord& record) {
  const std::lock_guard lock(mutex_);
  TRY_VOID(make_directories(directory_ / "slots"));
  TRY_VOID(
      write_file_atomically(file_of(record.app_id, record.slot), to_json(record).dump(), 0600));
  slots_.insert_or_assign(std::pair(record.app_id, record.slot), record);
  return {};
}

fs::path InstanceBook::file_of(const std::string& app_id, Slot slot) const {
  return directory_ / "slots" / fmt::format("{}.{}.json", app_id, to_string(slot));
}

Result<void> InstanceBook::forget_slots(const std::string& app_id) {
  const std::lock_guard lock(mutex_);
  for (const Slot slot : {Slot::A, Slot::B}) {
    std::error_code failed;
    fs::remove(file_of(app_id, slot), failed);
    if (failed)
      return make_error(
          ErrorCode::Internal,
          fmt::format("cannot remove {}: {}", file_of(app_id, slot).string(), failed.message()));
    slots_.erase(std::pair(app_id, slot));
  }
  return {};
}

std::optional<ScalingRecord> InstanceBook::scaling(const std::string& app_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = scalings_.find(app_id);
  return found == scalings_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<ScalingRecord> InstanceBook::scalings() const {
  const std::lock_guard lock(mutex_);
  std::vector<ScalingRecord> all;
  for (const auto& [app_id, record] : scalings_) all.push_back(record);
  return all;
}

Result<void> InstanceBook::keep(const ScalingRecord& record) {
  const std::lock_guard lock(mutex_);
  TRY_VOID(make_directories(directory_ / kScalings));
  TRY_VOID(write_file_atomically(directory_ / kScalings / (record.app_id + ".json"),
                                 to_json(record).dump(), 0600));
  scalings_.insert_or_assign(record.app_id, record);
  return {};
}

Result<void> InstanceBook::forget_scaling(const std::string& app_id) {
  const std::lock_guard lock(mutex_);
  const fs::path file = directory_ / kScalings / (app_id + ".json");
  std::error_code failed;
  fs::remove(file, failed);
  if (failed)
    return make_error(ErrorCode::Internal,
                      fmt::format("cannot remove {}: {}", file.string(), failed.message()));
  scalings_.erase(app_id);
  return {};
}

SlotUses InstanceBook::uses(const std::string& app_id) const {
  SlotUses uses{
      {{.revision = slot(app_id, Slot::A).revision}, {.revision = slot(app_id, Slot::B).revision}}};
  for (const InstanceRecord& each : instances(app_id)) {
    if (!each.is_wanted()) continue;
    SlotUse& use = uses[each.slot == Slot::A ? 0 : 1];
    ++use.wanted;
    use.revision = each.spec.revision;  // recorded before the slot is
  }
  return uses;
}

}  // namespace pixell::engine::ecs
