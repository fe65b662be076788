#include "api/merged_log.hpp"

#include <algorithm>
#include <utility>

#include "api/limits.hpp"

namespace pixell::api {

MergedLog::MergedLog(const ApiContext& context, Which which, const LogWanted& wanted)
    : context_(context), which_(std::move(which)), wanted_(wanted) {}

// The youngest ones, as far as there is room.
Result<std::vector<model::Instance>> MergedLog::instances() const {
  TRY(auto all, context_.store.instances({.app_id = which_.app_id, .revision = which_.revision}));
  if (all.size() > kMaxMergedInstances) all.erase(all.begin(), all.end() - kMaxMergedInstances);
  return all;
}

void MergedLog::add(std::vector<Line>& merged, std::string_view instance, const Source& source,
                    const std::vector<std::string>& lines) const {
  UnixMillis at = 0;
  for (const std::string& line : lines) {
    at = time_of_line(line).value_or(at);
    merged.push_back({at, with_instance(line, instance, source.revision)});
  }
}

namespace {

template <class Line>
std::vector<std::string> by_time(std::vector<Line>& merged) {
  std::stable_sort(merged.begin(), merged.end(),
                   [](const Line& a, const Line& b) { return a.at < b.at; });
  std::vector<std::string> texts;
  texts.reserve(merged.size());
  for (Line& line : merged) texts.push_back(std::move(line.text));
  return texts;
}

}  // namespace

Result<std::vector<std::string>> MergedLog::begin() {
  TRY(const auto known, instances());
  LogWanted share = wanted_;
  share.bytes = std::max(wanted_.bytes / std::max<std::size_t>(known.size(), 1), kLeastMergedBytes);
  std::vector<Line> merged;
  for (const model::Instance& instance : known) {
    Source source{.reader = LogReader(context_, instance.id, share), .revision = instance.revision};
    auto lines = source.reader.begin();
    // Its log may be gone already, or not be there yet.
    if (!lines && lines.error().code != ErrorCode::NotFound) return lines;
    if (lines) {
      if (!wanted_.is_following)
        for (std::string& line : source.reader.rest()) lines->push_back(std::move(line));
      add(merged, instance.id, source, *lines);
    }
    sources_.emplace(instance.id, std::move(source));
  }
  return by_time(merged);
}

Result<std::vector<std::string>> MergedLog::more() {
  TRY_VOID(context_.store.app(which_.app_id));
  TRY(const auto known, instances());
  LogWanted whole = wanted_;
  whole.bytes = kMaxLogBytes;
  for (const model::Instance& instance : known)
    if (!sources_.contains(instance.id))
      sources_.emplace(instance.id, Source{.reader = LogReader(context_, instance.id, whole),
                                           .revision = instance.revision});
  std::vector<Line> merged;
  for (auto& [id, source] : sources_) {
    if (source.is_over) continue;
    const auto ended = has_ended(context_, id);
    auto lines = source.reader.more();
    if (!lines || !ended) {
      // One that has been forgotten has nothing to say any more; one that is young may yet.
      source.is_over = ended && *ended;
      continue;
    }
    if (lines->empty() && *ended) {
      source.is_over = true;
      lines = source.reader.rest();
    }
    add(merged, id, source, *lines);
  }
  // What is over and no longer listed would stay for ever.
  std::erase_if(sources_, [&](const auto& entry) {
    return entry.second.is_over &&
           std::none_of(known.begin(), known.end(),
                        [&](const auto& instance) { return instance.id == entry.first; });
  });
  return by_time(merged);
}

}  // namespace pixell::api
