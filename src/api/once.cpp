#include "api/once.hpp"

#include <fmt/format.h>

#include "api/limits.hpp"
#include "apkg/digest.hpp"

namespace pixell::api {

namespace {

Reply repeat_of(const store::IdempotentReply& kept, const std::string& digest) {
  if (kept.request_digest != digest)
    return problem(409, "this Idempotency-Key was used with another request: choose a new one");
  if (kept.status == 0) {
    Reply reply = problem(409,
                          "the first request with this Idempotency-Key is still being "
                          "answered: try again");
    reply.headers.add("retry-after", "1");
    return reply;
  }
  Reply reply{.status = kept.status, .body = kept.body, .content_type = kept.content_type};
  if (!kept.location.empty()) reply.headers.add("location", kept.location);
  return reply;
}

/// Gives a reserved key back unless the answer was kept.
class Reservation {
 public:
  Reservation(const ApiContext& context, std::string key)
      : context_(context), key_(std::move(key)) {}
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  ~Reservation() {
    if (!is_kept_) keep({.status = 0});
  }

  void keep(const store::IdempotentReply& reply) {
    is_kept_ = true;
    // The answer is true all the same; a repeat of the request finds the key reserved for a while.
    if (const auto kept = context_.store.keep_reply(key_, reply); !kept)
      context_.log.warning("An idempotent reply was not kept", {{"error", kept.error().message}});
  }

 private:
  const ApiContext& context_;
  std::string key_;
  bool is_kept_ = false;
};

}  // namespace

std::optional<Reply> refuse_wrong_key(const Call& call) {
  const auto given = call.head.headers.get("idempotency-key");
  if (!given || (!given->empty() && given->size() <= kMaxIdempotencyKeyBytes)) return std::nullopt;
  return invalid_request(
      {{"Idempotency-Key", fmt::format("Idempotency-Key must have 1 to {} characters, not {}",
                                       kMaxIdempotencyKeyBytes, given->size())}});
}

Reply answer_once(const ApiContext& context, Call& call, const std::string& digest,
                  const std::function<Reply()>& produce) {
  const auto given = call.head.headers.get("idempotency-key");
  if (!given) return produce();
  const std::string scope = fmt::format("{} {}\n", call.head.method, call.head.path());
  call.idempotency_key = apkg::sha256_of(scope + std::string(*given));
  call.request_digest = apkg::sha256_of(scope + digest);
  const auto known = context.store.reserve_reply(call.idempotency_key, call.request_digest);
  if (!known) return problem(context, known.error());
  if (*known) return repeat_of(**known, call.request_digest);
  Reservation reservation(context, call.idempotency_key);
  Reply reply = produce();
  if (reply.status < 500)
    reservation.keep({.request_digest = call.request_digest,
                      .status = reply.status,
                      .content_type = reply.content_type,
                      .location = std::string(reply.headers.get("location").value_or("")),
                      .body = reply.body});
  return reply;
}

}  // namespace pixell::api
