#include <fmt/format.h>

#include "store/columns.hpp"
#include "store/sqlite/sqlite_store_impl.hpp"

// Requests that a client sends again because it did not see the answer.

namespace pixell::store {

Result<std::optional<AcceptedDeployment>> SqliteStore::repeated_request(
    const NewDeployment& wanted) {
  if (wanted.idempotency_key.empty()) return std::optional<AcceptedDeployment>();
  TRY_VOID(writer_->query("DELETE FROM idempotency_keys WHERE created_at < ?")
               .bind(clock_.unix_now() - kIdempotencyKeyLife.count())
               .run());
  std::string digest, id;
  {
    Query query = writer_->query(
        "SELECT request_digest, deployment_id FROM idempotency_keys WHERE org = ? AND key = ?");
    query.bind(wanted.org).bind(wanted.idempotency_key);
    TRY(const bool has_row, query.next());
    if (!has_row) return std::optional<AcceptedDeployment>();
    digest = query.text(0);
    id = query.text(1);
  }
  if (digest != wanted.request_digest)
    return make_error(ErrorCode::FailedPrecondition,
                      "this Idempotency-Key was used with another request: choose a new one");
  AcceptedDeployment accepted{.app = {}, .deployment = {}, .package = {}, .is_repeat = true};
  TRY(accepted.deployment, read_deployment(*writer_, id));
  TRY(accepted.app, read_app(*writer_, accepted.deployment.app_id));
  if (!accepted.deployment.package_sha256.empty()) {
    TRY(accepted.package,
        read_package(*writer_, accepted.deployment.app_id, accepted.deployment.package_sha256));
  }
  return std::optional(std::move(accepted));
}

Result<std::optional<IdempotentReply>> SqliteStore::reserve_reply(std::string_view key,
                                                                  std::string_view request_digest) {
  return write([&]() -> Result<std::optional<IdempotentReply>> {
    const UnixMillis now = clock_.unix_now();
    TRY_VOID(writer_
                 ->query("DELETE FROM idempotent_replies WHERE created_at < ?1"
                         " OR (status = 0 AND created_at < ?2)")
                 .bind(now - kIdempotencyKeyLife.count())
                 .bind(now - kReservationLife.count())
                 .run());
    {
      Query query = writer_->query(
          "SELECT request_digest, status, content_type, location, body FROM idempotent_replies"
          " WHERE key = ?");
      query.bind(key);
      TRY(const bool has_row, query.next());
      if (has_row)
        return std::optional(IdempotentReply{.request_digest = query.text(0),
                                             .status = int(query.number(1)),
                                             .content_type = query.text(2),
                                             .location = query.text(3),
                                             .body = query.text(4)});
    }
    TRY_VOID(writer_
                 ->query("INSERT INTO idempotent_replies(key, request_digest, status, created_at)"
                         " VALUES (?, ?, 0, ?)")
                 .bind(key)
                 .bind(request_digest)
                 .bind(now)
                 .run());
    return std::optional<IdempotentReply>();
  });
}

Result<void> SqliteStore::keep_reply(std::string_view key, const IdempotentReply& reply) {
  return write([&]() -> Result<void> {
    if (reply.status == 0) {
      TRY_VOID(writer_->query("DELETE FROM idempotent_replies WHERE key = ? AND status = 0")
                   .bind(key)
                   .run());
      return {};
    }
    TRY_VOID(writer_
                 ->query("UPDATE idempotent_replies SET status = ?, content_type = ?, location = ?,"
                         " body = ? WHERE key = ?")
                 .bind(reply.status)
                 .bind(reply.content_type)
                 .bind(reply.location)
                 .bind(reply.body)
                 .bind(key)
                 .run());
    return {};
  });
}

}  // namespace pixell::store
