#include <charconv>
#include <nlohmann/json.hpp>

#include "api/conditions.hpp"
#include "api/handlers.hpp"
#include "api/limits.hpp"
#include "api/lookups.hpp"
#include "api/parameters.hpp"
#include "api/resource_bodies.hpp"

namespace pixell::api {

namespace {

OrReply<std::int64_t> revision_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed == std::errc() && end == text.data() + text.size() && number >= 1 &&
      number <= kMaxWireNumber)
    return number;
  return std::unexpected(
      invalid_request({{"revision", "revision '" + std::string(text.substr(0, 80)) +
                                        "' must be the number of a revision, from 1"}}));
}

}  // namespace

Reply list_revisions(const ApiContext& context, Call& call) {
  Parameters parameters(call);
  const std::size_t limit = parameters.limit();
  const std::int64_t before = parameters.number_cursor(INT64_MAX);
  if (auto wrong = parameters.wrong()) return std::move(*wrong);
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  auto revisions =
      context.store.revisions({.app_id = app->id, .before_number = before, .limit = limit + 1});
  if (!revisions) return problem(context, revisions.error());
  const std::string next =
      next_page(*revisions, limit, [](const auto& each) { return std::to_string(each.number); });
  return page_reply(
      "revisions",
      list_body(*revisions, [&](const auto& each) { return revision_body(each, app->traffic); }),
      next);
}

Reply get_revision(const ApiContext& context, Call& call) {
  const auto number = revision_number(call.params[1]);
  if (!number) return number.error();
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  const auto revision = context.store.revision(app->id, *number);
  if (!revision) return problem(context, revision.error());
  return json_reply(200, {{"revision", revision_body(*revision, app->traffic)}});
}

Reply delete_revision(const ApiContext& context, Call& call) {
  const auto number = revision_number(call.params[1]);
  if (!number) return number.error();
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  if (const auto removed = context.store.remove_revision(app->id, *number); !removed)
    return refused_write(context, call, removed.error());
  return {.status = 204};
}

}  // namespace pixell::api
