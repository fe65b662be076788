#include "api/log_reader.hpp"

#include <algorithm>
#include <utility>

#include "api/limits.hpp"

namespace pixell::api {

LogReader::LogReader(const ApiContext& context, std::string instance, const LogWanted& wanted)
    : context_(context), instance_(std::move(instance)), wanted_(wanted), filter_(wanted.since) {}

Result<LogPiece> LogReader::read(std::int64_t from, std::size_t max_bytes) {
  TRY(LogPiece piece, context_.read_log(instance_, {.from = from, .max_bytes = max_bytes}));
  next_ = piece.next;
  return piece;
}

// The position of the first line of the last `bytes`. An engine may read less at once.
Result<std::int64_t> LogReader::begin_of_end() {
  TRY(const LogPiece end, read(-1, wanted_.bytes));
  const std::int64_t wanted = std::max<std::int64_t>(end.next - std::int64_t(wanted_.bytes), 0);
  if (end.from <= wanted) return end.from;
  TRY(const LogPiece first, read(wanted, wanted_.bytes));
  const std::size_t newline = first.text.find('\n');
  // What was asked for may begin within a line, or lie before the oldest byte that is kept.
  if (first.from != wanted || newline == std::string::npos || wanted == 0) return first.from;
  return first.from + std::int64_t(newline) + 1;
}

Result<std::vector<std::string>> LogReader::begin() {
  std::int64_t at = wanted_.from;
  if (at < 0) {
    TRY(at, begin_of_end());
  }
  std::vector<std::string> lines;
  std::size_t left = wanted_.bytes;
  bool has_lines = false;
  while (left > 0) {
    TRY(const LogPiece piece, read(at, left));
    has_lines = has_lines || piece.text.contains('\n');
    for (std::string& line : take(piece.text)) lines.push_back(std::move(line));
    left -= std::min(left, piece.text.size());
    if (piece.next <= at || piece.text.empty()) break;
    at = piece.next;
  }
  // A line that the limit cuts is read whole by who goes on.
  if (left == 0 && has_lines) {
    next_ -= std::int64_t(cutter_.open_bytes());
    cutter_ = {};
  }
  return lines;
}

Result<std::vector<std::string>> LogReader::more() {
  TRY(const LogPiece piece, read(next_, kMaxLogBytes));
  return take(piece.text);
}

std::vector<std::string> LogReader::rest() {
  std::string line = cutter_.rest();
  if (line.empty() || !filter_.keeps(line)) return {};
  return {std::move(line)};
}

std::vector<std::string> LogReader::take(std::string_view text) {
  std::vector<std::string> lines = cutter_.add(text);
  std::erase_if(lines, [this](const std::string& line) { return !filter_.keeps(line); });
  return lines;
}

Result<bool> has_ended(const ApiContext& context, std::string_view instance) {
  const auto known = context.store.instance(instance);
  if (!known && known.error().code == ErrorCode::NotFound) return true;
  if (!known) return known.error();
  return known->phase == model::InstancePhase::Stopped ||
         known->phase == model::InstancePhase::Failed;
}

}  // namespace pixell::api
