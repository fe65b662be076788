#pragma once

#include <nlohmann/json.hpp>

namespace pixell::probe {

/// {"op": "sign" or "presign", "access_key", "secret_key", "session_token", "region", "service",
/// "time" (ms), "s3" (bool), "life" (s), "method", "path", "query", "headers", "payload_hash" or
/// "body"}: the query and headers with what signing added, and what was signed.
nlohmann::json sign_request(const nlohmann::json& asked);

}  // namespace pixell::probe
