#include "aws/sigv4.hpp"
#include "operations.hpp"

namespace pixell::probe {

using nlohmann::json;

namespace {

json pairs(const aws::Fields& fields) {
  json list = json::array();
  for (const auto& [name, value] : fields) list.push_back({name, value});
  return list;
}

aws::Fields fields_of(const json& list) {
  aws::Fields fields;
  for (const json& pair : list)
    fields.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<std::string>());
  return fields;
}

}  // namespace

json sign_request(const json& asked) {
  const aws::Credentials credentials{
      .access_key = asked.at("access_key"),
      .secret_key = Secret<std::string>(asked.at("secret_key")),
      .session_token = Secret<std::string>(asked.value("session_token", ""))};
  const aws::SigningScope scope{.region = asked.at("region"),
                                .service = asked.at("service"),
                                .time = asked.at("time"),
                                .is_s3 = asked.value("s3", false)};
  aws::SignableRequest request{.method = asked.at("method"),
                               .path = asked.at("path"),
                               .query = fields_of(asked.at("query")),
                               .headers = fields_of(asked.at("headers")),
                               .payload_hash = asked.value("payload_hash", "")};
  if (request.payload_hash.empty())
    request.payload_hash = aws::payload_hash_of(asked.value("body", ""));
  aws::Signature signature;
  if (asked.at("op") == "sign") {
    signature = aws::sign(credentials, scope, request);
  } else {
    const auto presigned = aws::presign(
        credentials, scope, std::chrono::seconds(asked.at("life").get<long>()), request);
    if (!presigned) return {{"error", presigned.error().message}};
    signature = *presigned;
  }
  return {{"query", pairs(request.query)},
          {"query_text", aws::canonical_query(request.query)},
          {"headers", pairs(request.headers)},
          {"canonical_request", signature.canonical_request},
          {"signature", signature.signature}};
}

}  // namespace pixell::probe
