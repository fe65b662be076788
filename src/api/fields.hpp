#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/reply.hpp"
#include "model/resources.hpp"

namespace pixell::api {

/// The JSON object a body is; the answer when it is none, with the place where it breaks off.
/// `example` shows what it should look like.
OrReply<nlohmann::json> read_object(std::string_view text, std::string_view example);

/// Reads the members of a JSON object and collects everything that is wrong with them, so that a
/// caller is told all findings at once. Each finding has the JSON pointer of its place and names
/// the member, the value and the remedy. What is null counts as absent.
class Fields {
 public:
  /// `object` and `findings` outlive it; `pointer` is where the object is in the body.
  Fields(const nlohmann::json& object, Findings& findings, std::string pointer = {});

  /// True when the member is there.
  bool has(std::string_view name) const;
  /// True when the member is there as null: a request for its absence.
  bool is_null(std::string_view name) const;
  /// A text; a finding when it is required and absent, or not a text.
  std::string text(std::string_view name, bool is_required = false);
  /// One of `names`, required; empty when it is none of them.
  std::string choice(std::string_view name, const std::vector<std::string_view>& names);
  std::int64_t number(std::string_view name, std::int64_t fallback, std::int64_t least,
                      std::int64_t most);
  /// A number that must be there; `least` when it is not.
  std::int64_t required_number(std::string_view name, std::int64_t least, std::int64_t most);
  bool flag(std::string_view name, bool fallback);
  /// An object of texts; see read_environment().
  std::map<std::string, std::string> environment(std::string_view name);
  /// An object of limits; see read_limits().
  model::LimitsAsked limits(std::string_view name);
  /// The object under a name, none when it is absent or no object.
  std::optional<Fields> object(std::string_view name);
  /// The texts of the list under a name; a finding when it is no list of at most `most` texts.
  std::vector<std::string> texts(std::string_view name, std::size_t most);
  /// Calls `each` with every object of the list under a name; false when the list is absent.
  bool list(std::string_view name, std::size_t most, const std::function<void(Fields&)>& each);

  /// A finding for every member that nobody asked for.
  void refuse_unknown();
  /// A finding about a member, or about the object itself when the name is empty.
  void add(std::string_view name, std::string message);
  /// A finding at a JSON pointer below this object.
  void add_at(std::string_view below, std::string message);
  /// True when nothing was found, here or elsewhere in the body.
  bool is_clean() const { return findings_.empty(); }
  /// "strategy.steps.0": the member as messages name it.
  std::string named(std::string_view name) const;
  std::string pointer(std::string_view name) const;

 private:
  const nlohmann::json* find(std::string_view name);
  const nlohmann::json& object_;
  Findings& findings_;
  std::string pointer_;
  std::vector<std::string> asked_;
};

/// Where a value is in a body, and how messages call it.
struct Place {
  std::string pointer;
  std::string name;
};

/// Reads a JSON object of environment variables; what is wrong is added to `findings` by key name,
/// never with a value.
std::map<std::string, std::string> read_environment(const nlohmann::json& object,
                                                    const Place& place, Findings& findings);

/// Reads a JSON object of limits: memory_mb, cpus, processes, disk_mb, each a number.
model::LimitsAsked read_limits(const nlohmann::json& object, const Place& place,
                               Findings& findings);

}  // namespace pixell::api
