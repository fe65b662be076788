#include "aws/s3.hpp"
#include "base/process.hpp"
#include "operations.hpp"

namespace pixell::probe {

using nlohmann::json;

namespace {

json refusal(const aws::AwsError& error) {
  return {{"error", aws::describe(error)},
          {"code", to_string(error.code)},
          {"name", error.name},
          {"status", error.status},
          {"request_id", error.request_id}};
}

json shown(const aws::Answer<aws::ObjectInfo>& answer) {
  if (!answer) return refusal(answer.error());
  return {{"bytes", answer->bytes}, {"etag", answer->etag}};
}

json get(aws::S3& s3, const aws::S3Location& at) {
  std::string body;
  const auto answer = s3.download({.from = at,
                                   .max_bytes = std::uint64_t{1} << 24,
                                   .sink = [&](std::string_view bytes) -> Result<void> {
                                     body += bytes;
                                     return {};
                                   },
                                   .on_failed_attempt = {},
                                   .stop = {}});
  json reply = shown(answer);
  reply["body"] = body;
  return reply;
}

json list(aws::S3& s3, const std::string& bucket, const std::string& prefix) {
  json keys = json::array();
  std::string next;
  do {
    const auto page = s3.list(bucket, prefix, next);
    if (!page) return refusal(page.error());
    for (const auto& object : page->objects) keys.push_back({object.key, object.bytes});
    next = page->next;
  } while (!next.empty());
  return {{"keys", keys}};
}

}  // namespace

json use_s3(const json& asked) {
  aws::S3 s3(aws::real_outside(), own_environment());
  const std::string op = asked.at("op");
  const aws::S3Location at{.bucket = asked.at("bucket"), .key = asked.value("key", "")};
  if (op == "s3.get") return get(s3, at);
  if (op == "s3.head") return shown(s3.head(at));
  if (op == "s3.list") return list(s3, at.bucket, asked.value("prefix", ""));
  if (op == "s3.put")
    return shown(s3.put({.to = at,
                         .body = asked.at("body").get_ref<const std::string&>(),
                         .metadata = {},
                         .must_be_new = asked.value("must_be_new", false),
                         .stop = {}}));
  const auto removed = s3.remove(at);
  return removed ? json::object() : refusal(removed.error());
}

}  // namespace pixell::probe
