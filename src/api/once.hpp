#pragma once

#include <functional>
#include <optional>
#include <string>

#include "api/api.hpp"

namespace pixell::api {

/// The answer to an Idempotency-Key that is none; nothing is done then.
std::optional<Reply> refuse_wrong_key(const Call& call);

/// Answers a request with an Idempotency-Key once: the same key and digest get the same answer
/// again, another digest 409, a request that is still being answered 409 with Retry-After. An
/// answer of 5xx is not kept. `digest` stands for the request's body; without a key, `produce` is
/// simply called.
Reply answer_once(const ApiContext& context, Call& call, const std::string& digest,
                  const std::function<Reply()>& produce);

}  // namespace pixell::api
