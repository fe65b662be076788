#pragma once

#include <string>

#include "aws/transport.hpp"
#include "engine/ecs/settings.hpp"
#include "engine/instance_spec.hpp"

namespace pixell::engine::ecs {

/// What an operator sets, the least of it.
inline aws::Environment good_environment() {
  return {{"AWS_REGION", "us-east-2"},
          {"PAC_ECS_SUBNETS", "subnet-0a,subnet-0b"},
          {"PAC_ECS_SECURITY_GROUPS", "sg-01"},
          {"PAC_ECS_IMAGE",
           "123456789012.dkr.ecr.us-east-2.amazonaws.com/pixell-agent-runtime@sha256:" +
               std::string(64, 'a')},
          {"PAC_ECS_EXECUTION_ROLE",
           "arn:aws:iam::123456789012:role/pixell-agent-runtime-execution-role"},
          {"PAC_ECS_TASK_ROLE", "arn:aws:iam::123456789012:role/pixell-agent-runtime-task-role"}};
}

/// The same with a load balancer.
inline aws::Environment alb_environment() {
  aws::Environment env = good_environment();
  env["PAC_ECS_ROUTING"] = "alb";
  env["PAC_ECS_VPC"] = "vpc-01";
  env["PAC_ECS_LISTENER"] =
      "arn:aws:elasticloadbalancing:us-east-2:123456789012:listener/app/pixell-runtime-alb/1/2";
  return env;
}

/// A revision as the planner gives it.
inline InstanceSpec good_spec() {
  InstanceSpec spec;
  spec.id = "01HZ";
  spec.app_id = "python-executor";
  spec.revision = 7;
  spec.deployment_id = "01HY";
  spec.package_url = "s3://pixell-agent-packages/org/python-executor/1.0.0/p.apkg";
  spec.package_sha256 = std::string(64, 'b');
  spec.base_path = "/agents/python-executor";
  spec.environment = {{"OPENAI_API_KEY", "sk-very-secret"}, {"GREETING", "hello"}};
  return spec;
}

}  // namespace pixell::engine::ecs
