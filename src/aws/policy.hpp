#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

namespace pixell::aws {

/// Who has a policy.
enum class Role {
  Control,    ///< pac: makes and changes what apps need
  Task,       ///< the agents
  Execution,  ///< AWS, while it starts a task: image, secrets, logs
};

/// What a policy's statements are narrowed to.
struct PolicyScope {
  std::string account;  ///< 12 digits
  std::string region;
  std::string cluster;
  std::string name_prefix;          ///< of services, families and secrets
  std::string target_group_prefix;  ///< with has_load_balancer
  std::string log_group;
  std::string bucket;      ///< of packages
  std::string repository;  ///< of the image, in ECR
  std::string task_role;   ///< names, without a path
  std::string execution_role;
  std::string installation;      ///< "*" = any
  std::string installation_tag;  ///< the tag that says whose a resource is
  bool has_load_balancer = false;
};

/// A statement of a policy, before it is narrowed.
struct StatementShape {
  std::string_view id;
  Role role = Role::Control;
  bool needs_load_balancer = false;
  std::string_view resources;  ///< by spaces, with {account}, {cluster} and so on; "*" = all
  std::string_view condition;  ///< JSON with the same; empty = none
};

/// An action of IAM and the statement that allows it.
struct Permission {
  std::string_view service;  ///< as services.hpp names it, or one that only IAM knows
  std::string_view action;
  std::string_view statement;  ///< empty: Pixell does not call it as any role, or needs no leave
};

std::span<const StatementShape> statements();
/// A row for each action of actions(), and those that AWS demands besides.
std::span<const Permission> permissions();

/// The least that a role needs, as IAM's JSON. Every action stands in one statement.
nlohmann::ordered_json policy_document(Role role, const PolicyScope& scope);

}  // namespace pixell::aws
