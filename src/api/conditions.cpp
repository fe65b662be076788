#include "api/conditions.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apkg/digest.hpp"

namespace pixell::api {

namespace {

constexpr std::size_t kViewDigits = 16;
constexpr std::int64_t kNoGeneration = -1;

// Calls `each` with every opaque tag of a list like `"a", W/"b"`, without quotes and weakness.
template <class Each>
void each_tag(std::string_view list, Each each) {
  while (true) {
    const std::size_t open = list.find('"');
    if (open == std::string_view::npos) return;
    const std::size_t close = list.find('"', open + 1);
    if (close == std::string_view::npos) return;
    const bool is_weak = open >= 2 && list.substr(open - 2, 2) == "W/";
    each(list.substr(open + 1, close - open - 1), is_weak);
    list.remove_prefix(close + 1);
  }
}

// The value with its list joined: a header may be there several times.
std::optional<std::string> whole_header(const Call& call, std::string_view name) {
  std::optional<std::string> whole;
  for (std::size_t i = 0; i < call.head.headers.size(); ++i) {
    const auto field = call.head.headers[i];
    if (!net::equal_names(field.name, name)) continue;
    whole = whole ? *whole + "," + std::string(field.value) : std::string(field.value);
  }
  return whole;
}

}  // namespace

std::string etag(std::int64_t generation) { return fmt::format("\"{}\"", generation); }

std::string etag(std::int64_t generation, std::string_view view) {
  return fmt::format("\"{}.{}\"", generation, apkg::sha256_of(view).substr(0, kViewDigits));
}

store::IfGeneration if_match(const Call& call, std::int64_t current) {
  const auto given = whole_header(call, "if-match");
  if (!given || *given == "*") return std::nullopt;
  const std::string wanted = std::to_string(current);
  bool is_named = false;
  // Only the generation counts: what runs may have changed without harm to the writer's intent.
  each_tag(*given, [&](std::string_view tag, bool is_weak) {
    is_named = is_named || (!is_weak && tag.substr(0, tag.find('.')) == wanted);
  });
  return is_named ? current : kNoGeneration;
}

bool only_creates(const Call& call) { return whole_header(call, "if-none-match") == "*"; }

Reply tagged_reply(const Call& call, const nlohmann::json& body, const std::string& tag) {
  const auto given = whole_header(call, "if-none-match");
  bool is_known = given && *given == "*";
  if (given)
    each_tag(*given, [&](std::string_view known, bool) {
      is_known = is_known || fmt::format("\"{}\"", known) == tag;
    });
  Reply reply = is_known ? Reply{.status = 304} : json_reply(200, body);
  reply.headers.add("etag", tag);
  return reply;
}

Reply refused_write(const ApiContext& context, const Call& call, const Error& error) {
  if (error.code == ErrorCode::Aborted && call.head.headers.has("if-match"))
    return problem(412, error.message);
  if (error.code == ErrorCode::FailedPrecondition) return problem(409, error.message);
  return problem(context, error);
}

}  // namespace pixell::api
