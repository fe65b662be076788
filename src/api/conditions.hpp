#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/api.hpp"
#include "store/store.hpp"

namespace pixell::api {

/// `"7"`: the ETag of something that only its generation tells apart.
std::string etag(std::int64_t generation);
/// `"7.1f0c…"`: the ETag of a view that also shows what runs, which has no generation.
std::string etag(std::int64_t generation, std::string_view view);

/// Which generation a change may be made to: none when there is no If-Match or it is `*`, `current`
/// when If-Match names it, else one that nothing has, so that the store refuses the write.
store::IfGeneration if_match(const Call& call, std::int64_t current);

/// True when If-None-Match is `*`: what is there already may not be written (RFC 9110 13.1.2).
bool only_creates(const Call& call);

/// A 200 with the ETag, or 304 when If-None-Match names it.
Reply tagged_reply(const Call& call, const nlohmann::json& body, const std::string& tag);

/// Turns the store's refusal of a write into the answer: 412 when its generation is another, 409
/// when the state of things forbids it.
Reply refused_write(const ApiContext& context, const Call& call, const Error& error);

}  // namespace pixell::api
