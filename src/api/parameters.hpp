#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/api.hpp"

namespace pixell::api {

/// Reads the query of a request and collects everything that is wrong with it.
class Parameters {
 public:
  explicit Parameters(const Call& call) : call_(call) {}

  /// Empty when absent. What is no text has to be more than empty when it is there.
  std::string text(std::string_view name) const { return call_.query(name); }
  /// A whole number; `fallback` when absent.
  std::int64_t number(std::string_view name, std::int64_t fallback, std::int64_t least,
                      std::int64_t most);
  bool flag(std::string_view name, bool fallback);
  /// One of `names`; empty when absent.
  std::string choice(std::string_view name, const std::vector<std::string_view>& names);
  /// Items of a page.
  std::size_t limit();
  /// What page_cursor() made; empty when absent.
  std::string cursor();
  /// A cursor that is a number; `fallback` when absent.
  std::int64_t number_cursor(std::int64_t fallback);

  void add(std::string_view name, std::string message);
  /// The answer when something is wrong.
  std::optional<Reply> wrong() const;

 private:
  std::optional<std::string> given(std::string_view name) const;
  const Call& call_;
  Findings findings_;
};

/// An opaque text for "behind the item with this id".
std::string page_cursor(std::string_view id);

/// What the pages of a list have in common: rows are asked for with one more than `limit`; when it
/// is there, it is taken away and `next_cursor` set to `id_of` of the last one shown.
template <class Row, class IdOf>
std::string next_page(std::vector<Row>& rows, std::size_t limit, IdOf id_of) {
  if (rows.size() <= limit) return {};
  rows.resize(limit);
  return page_cursor(id_of(rows.back()));
}

/// {"<name>": items, "next_cursor"?}
Reply page_reply(std::string_view name, nlohmann::json items, const std::string& next_cursor);

}  // namespace pixell::api
