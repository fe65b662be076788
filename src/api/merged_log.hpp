#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/log_reader.hpp"
#include "model/agent_app.hpp"

namespace pixell::api {

/// The logs of an app's instances together, by time, each line with its instance and revision.
class MergedLog {
 public:
  /// Whose instances; revision 0 = of all.
  struct Which {
    std::string app_id;
    std::int64_t revision = 0;
  };
  MergedLog(const ApiContext& context, Which which, const LogWanted& wanted);

  /// What is there already; the instances share the bytes that are wanted.
  Result<std::vector<std::string>> begin();
  /// The lines that came since the last call, those of new instances among them. NotFound when the
  /// app is gone.
  Result<std::vector<std::string>> more();

 private:
  struct Source {
    LogReader reader;
    std::int64_t revision;
    bool is_over = false;
  };
  struct Line {
    UnixMillis at;
    std::string text;
  };
  Result<std::vector<model::Instance>> instances() const;
  void add(std::vector<Line>& merged, std::string_view instance, const Source& source,
           const std::vector<std::string>& lines) const;

  const ApiContext& context_;
  Which which_;
  LogWanted wanted_;
  std::map<std::string, Source> sources_;
};

}  // namespace pixell::api
