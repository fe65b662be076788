#include "engine/local/node/instance_table.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/crash_point.hpp"
#include "base/files.hpp"
#include "engine/local/node/limits.hpp"
#include "engine/records/limits.hpp"

namespace pixell::engine::node {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kTrashPrefix = ".trash-";

Result<void> open_directory(const fs::path& path, unsigned mode) {
  TRY_VOID(make_directories(path, mode));
  // mkdir honours the umask and an older directory may have another mode.
  if (::chmod(path.c_str(), mode) != 0)
    return errno_error(fmt::format("cannot set the mode of {}", path.string()), errno);
  return {};
}

Error no_instance(const std::string& id) {
  return make_error(ErrorCode::NotFound, fmt::format("no instance {}", id));
}

}  // namespace

InstanceTable::InstanceTable(NodeContext& node, std::vector<std::string> notes)
    : node_(node),
      notes_(std::move(notes)),
      position_(node.clock.unix_now()),
      disks_(node.loop,
             [this](const std::string& id, const DiskUsage& usage) {
               const auto known = instances_.find(id);
               if (known != instances_.end()) known->second->on_disk_excess(usage);
             }),
      kept_logs_(node.state_dir / "ended_logs") {}

InstanceTable::~InstanceTable() {
  *is_alive_ = false;
  if (inotify_) node_.loop.remove(inotify_.get());
}

Result<void> InstanceTable::open() {
  TRY_VOID(open_directory(node_.state_dir / "instances", 0711));
  TRY_VOID(open_directory(node_.state_dir / "environments", 0755));
  TRY_VOID(open_directory(node_.state_dir / "journal", 0700));
  TRY_VOID(kept_logs_.open(node_.clock.unix_now()));
  inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_) return errno_error("cannot watch instance directories", errno);
  TRY_VOID(node_.loop.add(inotify_.get(), *this, EPOLLIN | EPOLLET));
  crash_point("node.adoption.begun");
  adopt_all();
  sweep_groups();
  crash_point("node.adoption.done");
  return {};
}

void InstanceTable::adopt_all() {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(node_.state_dir / "instances", failed))
    names.push_back(entry.path().filename().string());
  if (failed) node_.log.error("Instances cannot be listed", {{"error", failed.message()}});
  for (const std::string& name : names) {
    if (name.starts_with(kTrashPrefix))
      delete_discarded(node_.state_dir / "instances" / name, -1);
    else
      adopt_directory(name);
  }
  const auto running = std::count_if(instances_.begin(), instances_.end(),
                                     [](const auto& entry) { return entry.second->is_running(); });
  if (!instances_.empty())
    node_.log.info("Instances found", {{"running", running}, {"all", instances_.size()}});
}

void InstanceTable::adopt_directory(const std::string& id) {
  const InstanceFiles files(node_.instance_dir(id));
  const auto record = files.read_spec();
  if (!record) {  // kept as it is: evidence for a human, and perhaps a par runs there
    node_.log.error("Instance cannot be understood and is left alone",
                    {{"instance", id}, {"error", record.error().message}});
    return;
  }
  if (!record->has_value()) {  // made, but not recorded: nothing was started there
    discard(files.directory(), -1);
    return;
  }
  node_.user_ids.mark_taken((*record)->slot);
  if (auto watched = watch_files(files, id); !watched)
    node_.log.error("Instance directory cannot be watched", {{"error", watched.error().message}});
  auto& instance = instances_[id];
  instance = std::make_unique<InstanceProcess>(node_, **record);
  instance->adopt();
  crash_point("node.adoption.halfway");
}

void InstanceTable::sweep_groups() {
  // Groups carry this installation's mark, so one without an instance is ours and forgotten.
  for (const std::string& name : node_.cgroups.list()) {
    if (instances_.contains(name) || fs::exists(node_.instance_dir(name))) continue;
    const Cgroup group = node_.cgroups.find(name);
    group.kill_all();
    if (auto removed = group.remove(); !removed)
      node_.log.warning("Control group is left over", {{"error", removed.error().message}});
  }
}

Result<void> InstanceTable::watch_files(const InstanceFiles& files, const std::string& id) {
  const int watch =
      ::inotify_add_watch(inotify_.get(), files.directory().c_str(), IN_MOVED_TO | IN_CLOSE_WRITE);
  if (watch < 0)
    return errno_error(fmt::format("cannot watch {}", files.directory().string()), errno);
  watched_[watch] = id;
  return {};
}

void InstanceTable::on_ready(std::uint32_t) {
  alignas(inotify_event) char buffer[64 * (sizeof(inotify_event) + NAME_MAX + 1)];
  while (true) {
    const ssize_t got = ::read(inotify_.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if ((event->mask & IN_Q_OVERFLOW) != 0) {
        for (const auto& [id, instance] : instances_) instance->refresh();
        continue;
      }
      const auto watched = watched_.find(event->wd);
      if (watched == watched_.end()) continue;
      if ((event->mask & IN_IGNORED) != 0) {  // the directory was removed
        watched_.erase(watched);
        continue;
      }
      const std::string_view name(event->len == 0 ? "" : event->name);
      const auto instance = instances_.find(watched->second);
      if (instance != instances_.end() && (name == "state.json" || name == "boot_report.json"))
        instance->second->refresh();
    }
  }
}

Capabilities InstanceTable::capabilities() const {
  Capabilities capabilities{.name = "local",
                            .own_users = node_.user_ids.user_of(0).has_value(),
                            .memory_limits = node_.cgroups.limits_memory(),
                            .cpu_limits = node_.cgroups.limits_cpu(),
                            .can_wake = false,
                            .notes = notes_};
  for (const auto& [id, instance] : instances_)
    if (!instance->adoption_note().empty()) capabilities.notes.push_back(instance->adoption_note());
  return capabilities;
}

Result<model::Instance> InstanceTable::ensure(const InstanceSpec& spec) {
  // The id becomes a directory and a group, the app id a directory.
  TRY_VOID(model::check_app_id(spec.id));
  TRY_VOID(model::check_app_id(spec.app_id));
  if (const auto known = instances_.find(spec.id); known != instances_.end()) {
    InstanceProcess& instance = *known->second;
    if (instance.record().spec != spec)
      return make_error(ErrorCode::AlreadyExists,
                        fmt::format("instance {} exists with another specification", spec.id));
    if (instance.was_never_started()) TRY_VOID(instance.start());
    return instance.observed();
  }
  crash_point("node.ensure.asked");
  const InstanceFiles files(node_.instance_dir(spec.id));
  if (fs::exists(files.directory()))
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("{} is in the way", files.directory().string()));
  SpecRecord record{.spec = spec, .slot = 0, .recorded_at = node_.clock.unix_now()};
  TRY(record.slot, node_.user_ids.take());
  Result<void> recorded = files.make_directories(node_.user_ids.user_of(record.slot));
  if (recorded) recorded = watch_files(files, spec.id);
  crash_point("node.ensure.made");
  if (recorded) recorded = files.write_spec(record);
  if (!recorded) {
    discard(files.directory(), record.slot);
    return recorded.error();
  }
  auto& instance = instances_[spec.id];
  instance = std::make_unique<InstanceProcess>(node_, std::move(record));
  node_.changed();
  crash_point("node.ensure.recorded");
  TRY_VOID(instance->start());
  crash_point("node.ensure.done");
  return instance->observed();
}

Result<void> InstanceTable::stop(const std::string& id, Millis grace) {
  const auto known = instances_.find(id);
  if (known == instances_.end()) return {};
  return known->second->stop(grace);
}

Result<void> InstanceTable::remove(const std::string& id) {
  const auto known = instances_.find(id);
  if (known == instances_.end()) return {};
  InstanceProcess& instance = *known->second;
  if (instance.is_running())
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("instance {} runs; stop it first", id));
  crash_point("node.remove.asked");
  TRY_VOID(instance.remove_cgroup());
  crash_point("node.remove.ungrouped");
  if (instance.observed().phase == model::InstancePhase::Failed) keep_log(instance);
  const int slot = instance.record().slot;
  discard(instance.files().directory(), slot);
  instances_.erase(known);
  node_.changed();
  node_.log.info("Instance removed", {{"instance", id}});
  crash_point("node.remove.done");
  return {};
}

void InstanceTable::keep_log(const InstanceProcess& instance) {
  const std::string& id = instance.record().spec.id;
  const auto end = instance.read_log({.max_bytes = std::size_t(kMaxLogReplyBytes)});
  Result<void> kept = end ? Result<void>() : end.error();
  if (end && !end->text.empty()) kept = kept_logs_.keep(id, *end, node_.clock.unix_now());
  if (!kept)
    node_.log.warning("Log of a failed instance is not kept",
                      {{"instance", id}, {"error", kept.error().message}});
}

void InstanceTable::discard(const fs::path& directory, int slot) {
  const fs::path trash = directory.parent_path() /
                         fmt::format("{}{}-{}", kTrashPrefix, node_.clock.unix_now(), ++discarded_);
  // From now on no agent gets in, not even one that is given the same user id later.
  if (::chmod(directory.c_str(), 0700) != 0 && errno != ENOENT)
    node_.log.warning("Instance directory cannot be closed", {{"path", directory.string()}});
  if (::rename(directory.c_str(), trash.c_str()) != 0 && errno != ENOENT) {
    node_.log.error("Instance directory cannot be moved away",
                    {{"path", directory.string()}, {"error", errno}});
    return;  // the slot stays taken: its user still owns files
  }
  crash_point("node.remove.moved");
  delete_discarded(trash, slot);
}

void InstanceTable::delete_discarded(fs::path trash, int slot) {
  auto job = [this, is_alive = is_alive_, &loop = node_.loop, log = node_.log, trash, slot] {
    std::error_code failed;
    fs::remove_all(trash, failed);  // does not follow links
    if (failed) {
      log.error("Removed instance leaves files behind",
                {{"path", trash.string()}, {"error", failed.message()}});
      return;
    }
    if (slot < 0) return;
    loop.post([this, is_alive, slot] {
      if (*is_alive) node_.user_ids.release(slot);
    });
  };
  if (auto queued = remover_.submit(std::move(job)); !queued)
    node_.log.warning("Removed instance is deleted at the next start",
                      {{"path", trash.string()}, {"error", queued.error().message}});
}

std::vector<model::Instance> InstanceTable::list() const {
  std::vector<model::Instance> all;
  all.reserve(instances_.size());
  for (const auto& [id, instance] : instances_) all.push_back(instance->observed());
  return all;
}

Result<model::Instance> InstanceTable::inspect(const std::string& id) const {
  const auto known = instances_.find(id);
  if (known == instances_.end()) return no_instance(id);
  return known->second->observed();
}

Result<model::InstanceUsage> InstanceTable::usage(const std::string& id) const {
  const auto known = instances_.find(id);
  if (known == instances_.end()) return no_instance(id);
  return known->second->usage();
}

Result<LogPiece> InstanceTable::read_log(const std::string& id, const LogRange& range) const {
  const auto known = instances_.find(id);
  if (known != instances_.end()) return known->second->read_log(range);
  auto kept = kept_logs_.read(id, range);
  return kept || kept.error().code != ErrorCode::NotFound ? std::move(kept) : no_instance(id);
}

void InstanceTable::on_tick(bool reaps_orphans) {
  for (const auto& [id, instance] : instances_) instance->on_tick();
  if (disks_.is_due()) measure_disks();
  if (reaps_orphans) reap_orphans();
}

void InstanceTable::measure_disks() {
  std::vector<DiskCheck> checks;
  for (const auto& [id, instance] : instances_)
    if (auto places = instance->disk_places())
      checks.push_back({.instance_id = id,
                        .places = std::move(*places),
                        .max_bytes = instance->record().spec.resources.disk_mb * 1024 * 1024});
  disks_.start_round(std::move(checks));
}

void InstanceTable::reap_orphans() {
  while (true) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return;
    for (const auto& [id, instance] : instances_)
      if (instance->on_reaped(pid, exit_status_of(status))) break;
  }
}

}  // namespace pixell::engine::node
