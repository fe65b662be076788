// What a task needs before there is one: its secret, its log group, its definition.

#include <fmt/format.h>

#include <algorithm>

#include "engine/ecs/difference.hpp"
#include "engine/ecs/limits.hpp"
#include "engine/ecs/steps.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

constexpr const char* kPrefixVariable = "PAC_ECS_NAME_PREFIX";
constexpr const char* kCreateLogGroup = "CreateLogGroup";
constexpr const char* kPutRetention = "PutRetentionPolicy";

// Made without the values, which a digest would give away to who can guess them: those of one
// revision never change. Secrets Manager refuses other values under the same version. An app that
// is deleted and comes again counts its revisions from 1, in the same secret if that was restored:
// only their deployments tell them apart.
std::string version_of(const Work& work) {
  return client_token(fmt::format("{}/{}/{}/{}", work.names.installation(), work.aim.spec.app_id,
                                  work.aim.spec.revision, work.aim.spec.deployment_id));
}

Result<std::string> create_secret(const Work& work, const std::string& name, const json& values) {
  TRY(const json made, plain(work.change("secretsmanager", "CreateSecret", name,
                                         {{"Name", name},
                                          {"ClientRequestToken", version_of(work)},
                                          {"SecretString", values.dump()},
                                          {"Tags", other_tags(work.app_tags())}})));
  return text_at(made, "ARN");
}

// Whether we made the log group, or may have, and it does not keep its lines for as long as it
// shall yet.
Result<bool> is_half_made(const Work& work, const std::string& log_group) {
  TRY(const std::vector<Step> open, work.journal.open(work.aim.spec.app_id));
  return std::any_of(open.begin(), open.end(), [&](const Step& each) {
    return each == work.step("logs", kCreateLogGroup, log_group) ||
           each == work.step("logs", kPutRetention, log_group);
  });
}

// What somebody could have changed in a copy, tags and all. Only fields that AWS keeps letter by
// letter: one that it wrote otherwise would be registered again by every sync.
json kept_fields(const json& definition) {
  json kept;
  for (const char* name : {"cpu", "memory", "executionRoleArn", "taskRoleArn"})
    kept[name] = text_at(definition, name);
  for (const json& container : list_at(definition, "containerDefinitions"))
    if (text_at(container, "name") == kContainer)
      for (const char* name : {"image", "environment", "secrets"})
        kept[name] = container.value(name, json());
  return kept;
}

bool is_same_definition(const json& latest, const Tags& tags, const json& wanted) {
  const auto digest = tags.find(kDefinitionTag);
  if (digest == tags.end() || digest->second != read_tags(wanted.at("tags")).at(kDefinitionTag))
    return false;
  return differences(kept_fields(latest), kept_fields(wanted)).empty();
}

}  // namespace

Result<SecretPlace> ensure_secret(const Work& work) {
  TRY(const json values, secret_document(work.aim.spec));
  if (values.is_null()) return SecretPlace{};
  const std::string name = work.names.app(work.aim.spec.app_id);
  const auto found = work.look("secretsmanager", "DescribeSecret", {{"SecretId", name}});
  if (!found && found.error().name != "ResourceNotFoundException")
    return aws::to_error(found.error());
  SecretPlace place{.arn = {}, .version = version_of(work)};
  if (!found) {
    TRY(place.arn, create_secret(work, name, values));
    return place;
  }
  if (!is_ours(read_tags(list_at(*found, "Tags")), work.names.installation(), work.aim.spec.app_id))
    return foreign(work, "the secret " + name, kPrefixVariable);
  place.arn = text_at(*found, "ARN");
  // Of a deleted app: until its days are over the name is taken, and what is deleted takes nothing.
  if (found->contains("DeletedDate") && !found->at("DeletedDate").is_null())
    TRY_VOID(
        plain(work.change("secretsmanager", "RestoreSecret", name, {{"SecretId", place.arn}})));
  if (const auto versions = found->find("VersionIdsToStages");
      versions != found->end() && versions->contains(place.version))
    return place;
  TRY_VOID(plain(work.change("secretsmanager", "PutSecretValue", name,
                             {{"SecretId", place.arn},
                              {"ClientRequestToken", place.version},
                              {"SecretString", values.dump()}})));
  return place;
}

Result<void> ensure_log_group(const Work& work) {
  const std::string& name = work.settings.log_group;
  bool is_there = false;
  TRY_VOID(plain(work.aws.pages("logs", "DescribeLogGroups", {{"logGroupNamePrefix", name}},
                                {.lane = work.aim.lane, .stop = work.stop}, [&](const json& page) {
                                  for (const json& each : list_at(page, "logGroups"))
                                    is_there |= text_at(each, "logGroupName") == name;
                                  return !is_there;
                                })));
  if (is_there) {
    TRY(const bool is_half, is_half_made(work, name));
    if (!is_half) return {};
  } else {
    const auto made = work.change(
        "logs", kCreateLogGroup, name,
        {{"logGroupName", name}, {"tags", {{kInstallationTag, work.names.installation()}}}});
    // It was not there a moment ago: most likely we made it, and the answer was lost.
    if (!made && made.error().name != "ResourceAlreadyExistsException")
      return aws::to_error(made.error());
  }
  TRY_VOID(plain(work.change("logs", kPutRetention, name,
                             {{"logGroupName", name}, {"retentionInDays", kLogRetentionDays}})));
  return {};
}

Result<std::string> ensure_task_definition(const Work& work, const SecretPlace& secret) {
  TRY(const json wanted, task_definition(work.aim.spec, work.settings, work.names, secret));
  const std::string family = text_at(wanted, "family");
  const auto latest = work.look("ecs", "DescribeTaskDefinition",
                                {{"taskDefinition", family}, {"include", {"TAGS"}}});
  // A family without a revision is a ClientException, as is much else; registering tells the rest.
  if (!latest && latest.error().name != "ClientException") return aws::to_error(latest.error());
  if (latest) {
    const Tags tags = read_tags(list_at(*latest, "tags"));
    if (!is_ours(tags, work.names.installation(), work.aim.spec.app_id))
      return foreign(work, "the task definition " + family, kPrefixVariable);
    const json definition = latest->value("taskDefinition", json::object());
    // Of an app that was removed all are inactive, and start nothing.
    if (text_at(definition, "status") != "INACTIVE" && is_same_definition(definition, tags, wanted))
      return text_at(definition, "taskDefinitionArn");
  }
  TRY(const json made, plain(work.change("ecs", "RegisterTaskDefinition", family, wanted)));
  return text_at(made.value("taskDefinition", json::object()), "taskDefinitionArn");
}

}  // namespace pixell::engine::ecs
