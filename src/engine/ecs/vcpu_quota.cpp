#include "engine/ecs/vcpu_quota.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/steps.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

std::int64_t units_of(const json& task) {
  const std::string text = text_at(task, "cpu");
  std::int64_t units = 0;
  std::from_chars(text.data(), text.data() + text.size(), units);
  return units;
}

// Spot has a quota of its own, and instances of EC2 have none here.
bool is_on_demand(const json& task) {
  return text_at(task, "launchType") == "FARGATE" &&
         text_at(task, "capacityProviderName") != "FARGATE_SPOT";
}

void read_quota(const aws::Answer<json>& answer, VcpuUse& use) {
  use.most = kQuotaVcpus * kUnitsOfVcpu;
  if (!answer) {
    use.note = fmt::format(
        "the quota of vCPUs is AWS's default: {}; allow servicequotas:GetServiceQuota, or look at "
        "{} of fargate in Service Quotas",
        aws::describe(answer.error()), kVcpuQuotaCode);
    return;
  }
  const json quota = answer->value("Quota", json::object());
  const json value = quota.is_object() ? quota.value("Value", json()) : json();
  if (value.is_number())
    use.most = std::llround(value.get<double>() * double(kUnitsOfVcpu));
  else
    use.note = fmt::format("the quota of vCPUs is AWS's default: Service Quotas tells none for {}",
                           kVcpuQuotaCode);
}

}  // namespace

Result<VcpuUse> count_vcpus(aws::Services& aws, const std::string& cluster,
                            const std::string& service, const std::stop_token& stop) {
  const aws::Services::Options options{.lane = aws::Lane::Deploy, .region = {}, .stop = stop};
  std::vector<std::string> arns;
  TRY_VOID(plain(aws.pages("ecs", "ListTasks", {{"cluster", cluster}, {"desiredStatus", "RUNNING"}},
                           options, [&](const json& page) {
                             for (const json& arn : list_at(page, "taskArns")) arns.push_back(arn);
                             return true;
                           })));
  VcpuUse use;
  for (std::size_t from = 0; from < arns.size(); from += kMaxDescribedTasks) {
    const auto begin = arns.begin() + std::ptrdiff_t(from);
    const std::vector<std::string> batch(
        begin, begin + std::ptrdiff_t(std::min(kMaxDescribedTasks, arns.size() - from)));
    TRY(const json answer,
        plain(aws.call("ecs", "DescribeTasks", {{"cluster", cluster}, {"tasks", batch}}, options)));
    for (const json& task : list_at(answer, "tasks")) {
      if (!is_on_demand(task)) continue;
      use.running += units_of(task);
      if (text_at(task, "group") == "service:" + service) use.of_service += units_of(task);
    }
  }
  read_quota(aws.call("service-quotas", "GetServiceQuota",
                      {{"ServiceCode", "fargate"}, {"QuotaCode", kVcpuQuotaCode}}, options),
             use);
  return use;
}

}  // namespace pixell::engine::ecs
