#include "engine/ecs/testing/fake_ecs.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

constexpr std::size_t kPage = 100;
constexpr const char* kRefusal = "__type";
constexpr const char* kPlace = "arn:aws:ecs:us-east-2:123456789012";

json refusal(const std::string& name) { return {{kRefusal, name}, {"message", "as told"}}; }

std::string service_of(const json& request) {
  const std::string name = request.at("service").get<std::string>();
  return name.substr(name.rfind('/') + 1);
}

}  // namespace

aws::Outside FakeEcs::outside() {
  return {.clock = clock,
          .fetch = [this](const net::FetchRequest& request) { return reply(request); },
          .sleep = [this](Millis pause, const std::stop_token&) { clock.advance(pause); },
          .random = [] { return 0.0; }};
}

const std::map<std::string, FakeEcs::Handler>& FakeEcs::handlers() {
  static const std::map<std::string, Handler> kHandlers{
      {"CreateService", &FakeEcs::create_service},
      {"UpdateService", &FakeEcs::update_service},
      {"DescribeServices", &FakeEcs::describe_services},
      {"RegisterTaskDefinition", &FakeEcs::register_definition},
      {"DescribeTaskDefinition", &FakeEcs::describe_definition},
      {"ListTasks", &FakeEcs::list_tasks},
      {"DescribeTasks", &FakeEcs::describe_tasks},
      {"UpdateTaskProtection", &FakeEcs::protect_tasks},
      {"StopTask", &FakeEcs::stop_task},
      {"TagResource", &FakeEcs::tag},
      {"DescribeLogGroups", &FakeEcs::log_groups},
      {"GetLogEvents", &FakeEcs::log_events},
      {"RegisterScalableTarget", &FakeEcs::register_target},
      {"DescribeScalableTargets", &FakeEcs::describe_targets},
      {"DeregisterScalableTarget", &FakeEcs::deregister_target},
      {"PutScalingPolicy", &FakeEcs::put_policy},
      {"DescribeScalingPolicies", &FakeEcs::describe_policies},
      {"DeleteScalingPolicy", &FakeEcs::delete_policy},
  };
  return kHandlers;
}

Result<net::FetchReply> FakeEcs::reply(const net::FetchRequest& request) {
  const Error reset{.code = ErrorCode::Unavailable, .message = "reset", .retry = Retry::Later};
  if (is_down) return reset;
  for (const auto& [address, page] : metrics)
    if (request.url == "http://" + address + "/metrics")
      return net::FetchReply{.status = 200, .headers = {}, .body = page};
  if (request.url.ends_with("/metrics")) return reset;  // nobody listens there
  std::string action;
  for (const auto& [name, value] : request.headers)
    if (name == "X-Amz-Target") action = value.substr(value.find('.') + 1);
  const json body = json::parse(request.body);
  asked.emplace_back(action, body);
  if (on_call) on_call(action);
  json answer = refusal("NoSuchAction." + action);
  if (const auto told = refused.find(action); told != refused.end())
    answer = refusal(told->second);
  else if (const auto found = handlers().find(action); found != handlers().end())
    answer = (this->*found->second)(body);
  if (lost.contains(action)) return reset;
  const bool is_refusal = answer.is_object() && answer.contains(kRefusal);
  return net::FetchReply{.status = is_refusal ? 400 : 200, .headers = {}, .body = answer.dump()};
}

int FakeEcs::count(const std::string& action) const {
  return int(std::count_if(asked.begin(), asked.end(),
                           [&](const auto& each) { return each.first == action; }));
}

// ------------------------------------------------------------------------------------ services

json FakeEcs::create_service(const json& request) {
  const std::string name = request.at("serviceName").get<std::string>();
  const auto found = services.find(name);
  if (found != services.end() && found->second.shown.at("status") == "ACTIVE")
    return found->second.shown.at("clientToken") == request.at("clientToken")
               ? json{{"service", found->second.shown}}
               : refusal("InvalidParameterException");
  json shown = request;
  shown["serviceArn"] = fmt::format("{}:service/c/{}", kPlace, name);
  shown["status"] = "ACTIVE";
  shown["deployments"] = {{{"status", "PRIMARY"}, {"rolloutState", "IN_PROGRESS"}}};
  shown["events"] = json::array();
  services[name] = Service{.shown = shown};
  return {{"service", shown}};
}

json FakeEcs::update_service(const json& request) {
  const auto found = services.find(service_of(request));
  if (found == services.end()) return refusal("ServiceNotFoundException");
  json& shown = found->second.shown;
  if (shown.at("status") != "ACTIVE") return refusal("ServiceNotActiveException");
  for (const char* field : {"desiredCount", "taskDefinition", "networkConfiguration"})
    if (request.contains(field)) shown[field] = request.at(field);
  if (request.value("forceNewDeployment", false))
    shown["deployments"][0]["rolloutState"] = "IN_PROGRESS";
  return {{"service", shown}};
}

json FakeEcs::describe_services(const json& request) {
  json found = json::array();
  for (const json& name : request.at("services"))
    if (const auto each = services.find(name.get<std::string>()); each != services.end())
      found.push_back(each->second.shown);
  return {{"services", found}, {"failures", json::array()}};
}

json FakeEcs::register_definition(const json& request) {
  const std::string family = request.at("family").get<std::string>();
  const std::string arn =
      fmt::format("{}:task-definition/{}:{}", kPlace, family, ++families_[family]);
  definitions_[arn] = request;
  return {{"taskDefinition", {{"taskDefinitionArn", arn}}}};
}

json FakeEcs::describe_definition(const json& request) {
  const std::string family = request.at("taskDefinition").get<std::string>();
  const auto found = families_.find(family);
  if (found == families_.end()) return refusal("ClientException");
  const std::string arn = fmt::format("{}:task-definition/{}:{}", kPlace, family, found->second);
  json shown = definitions_[arn];
  shown["taskDefinitionArn"] = arn;
  shown["status"] = "ACTIVE";
  return {{"taskDefinition", shown}, {"tags", shown["tags"]}};
}

// --------------------------------------------------------------------------------------- tasks

void FakeEcs::stop(Task& task, const std::string& code, const std::string& reason) {
  if (task.wanted == "STOPPED") return;
  task.wanted = "STOPPED";
  task.stop_code = code;
  task.reason = reason;
  if (task.status == "RUNNING") task.status = "DEACTIVATING";
}

void FakeEcs::schedule() {
  for (auto& [name, service] : services) {
    std::vector<Task*> running;
    for (auto& [arn, task] : tasks)
      if (task.service == name && task.wanted == "RUNNING") running.push_back(&task);
    const std::string definition = service.shown.at("taskDefinition").get<std::string>();
    // Of another revision: replaced.
    for (Task* task : running)
      if (task->definition != definition && !task->is_protected)
        stop(*task, "ServiceSchedulerInitiated", "Scaling activity initiated by deployment");
    std::erase_if(running, [](const Task* task) { return task->wanted != "RUNNING"; });
    const std::size_t wanted = service.shown.at("desiredCount").get<std::size_t>();
    const bool has_failed =
        service.shown.at("/deployments/0/rolloutState"_json_pointer) == "FAILED";
    for (std::size_t i = running.size(); i < wanted && service.places_tasks && !has_failed; ++i) {
      Task task;
      task.arn = fmt::format("{}:task/c/{:06}", kPlace, next_task_++);
      task.service = name;
      task.definition = definition;
      task.tags = definitions_[definition]["tags"];
      task.created_at = double(clock.unix_now()) / 1000;
      tasks.emplace(task.arn, task);
    }
    if (takes_oldest) std::reverse(running.begin(), running.end());
    std::size_t too_many = running.size() - std::min(running.size(), wanted);
    for (auto each = running.rbegin(); each != running.rend() && too_many > 0; ++each) {
      if ((*each)->is_protected) continue;
      stop(**each, "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment)");
      --too_many;
    }
  }
}

void FakeEcs::settle_tasks() {
  for (auto& [arn, task] : tasks) {
    if (task.wanted == "RUNNING") {
      task.status = "RUNNING";
      task.health = "HEALTHY";
    } else if (task.status != "STOPPED") {
      if (task.status == "DEACTIVATING" && task.exit_code < 0) task.exit_code = 0;
      task.status = "STOPPED";
    }
  }
}

void FakeEcs::exit(Task& task, int code, const std::string& reason) {
  stop(task, "EssentialContainerExited", reason);
  task.exit_code = code;
}

void FakeEcs::forget_stopped() {
  std::erase_if(tasks, [](const auto& entry) { return entry.second.status == "STOPPED"; });
}

std::vector<FakeEcs::Task*> FakeEcs::live() {
  std::vector<Task*> found;
  for (auto& [arn, task] : tasks)
    if (task.wanted == "RUNNING") found.push_back(&task);
  return found;
}

FakeEcs::Task* FakeEcs::with_instance(const std::string& instance) {
  for (auto& [arn, task] : tasks)
    for (const json& tag : task.tags)
      if (tag.at("key") == "pixell:instance" && tag.at("value") == instance) return &task;
  return nullptr;
}

json FakeEcs::list_tasks(const json& request) {
  std::vector<std::string> arns;
  for (const auto& [arn, task] : tasks)
    if (task.wanted == request.at("desiredStatus") &&
        (!request.contains("serviceName") || task.service == request.at("serviceName")))
      arns.push_back(arn);
  const std::size_t from = std::stoul(request.value("nextToken", std::string("0")));
  json page = json::array();
  for (std::size_t i = from; i < std::min(arns.size(), from + kPage); ++i) page.push_back(arns[i]);
  json answer = {{"taskArns", page}};
  if (from + kPage < arns.size()) answer["nextToken"] = std::to_string(from + kPage);
  return answer;
}

json FakeEcs::describe_tasks(const json& request) {
  json found = json::array();
  json failures = json::array();
  for (const json& arn : request.at("tasks")) {
    const auto each = tasks.find(arn.get<std::string>());
    if (each == tasks.end()) {
      failures.push_back({{"arn", arn}, {"reason", "MISSING"}});
      continue;
    }
    const Task& task = each->second;
    json container = {{"name", "agent-runtime"}, {"healthStatus", task.health}};
    if (task.exit_code >= 0) container["exitCode"] = task.exit_code;
    const int host = int(std::distance(tasks.begin(), each)) % 250;
    found.push_back({{"taskArn", task.arn},
                     {"group", "service:" + task.service},
                     {"taskDefinitionArn", task.definition},
                     {"lastStatus", task.status},
                     {"desiredStatus", task.wanted},
                     {"createdAt", task.created_at},
                     {"stopCode", task.stop_code},
                     {"stoppedReason", task.reason},
                     {"tags", task.tags},
                     {"containers", {container}},
                     {"attachments",
                      {{{"details",
                         {{{"name", "privateIPv4Address"},
                           {"value", fmt::format("10.0.0.{}", host + 1)}}}}}}}});
  }
  return {{"tasks", found}, {"failures", failures}};
}

json FakeEcs::protect_tasks(const json& request) {
  json failures = json::array();
  for (const json& arn : request.at("tasks")) {
    const auto found = tasks.find(arn.get<std::string>());
    if (found == tasks.end() || unprotectable.contains(found->first))
      failures.push_back({{"arn", arn}, {"reason", "TASK_NOT_VALID"}});
    else
      found->second.is_protected = request.at("protectionEnabled").get<bool>();
  }
  return {{"protectedTasks", json::array()}, {"failures", failures}};
}

json FakeEcs::stop_task(const json& request) {
  const auto found = tasks.find(request.at("task").get<std::string>());
  if (found == tasks.end()) return refusal("InvalidParameterException");
  stop(found->second, "UserInitiated", request.at("reason").get<std::string>());
  return {{"task", json::object()}};
}

json FakeEcs::tag(const json& request) {
  const auto found = tasks.find(request.at("resourceArn").get<std::string>());
  if (found == tasks.end()) return json::object();
  for (const json& each : request.at("tags")) found->second.tags.push_back(each);
  return json::object();
}

// ------------------------------------------------------------------------------------- scaling

json FakeEcs::register_target(const json& request) {
  json& target = targets[request.at("ResourceId").get<std::string>()];
  if (!target.is_null() && request.contains("Tags")) return refusal("ValidationException");
  target.update(request);
  return json::object();
}

json FakeEcs::describe_targets(const json& request) {
  const auto found = targets.find(request.at("/ResourceIds/0"_json_pointer).get<std::string>());
  return {
      {"ScalableTargets", found == targets.end() ? json::array() : json::array({found->second})}};
}

json FakeEcs::deregister_target(const json& request) {
  const bool was_there = targets.erase(request.at("ResourceId").get<std::string>()) > 0;
  return was_there ? json::object() : refusal("ObjectNotFoundException");
}

json FakeEcs::put_policy(const json& request) {
  const std::string resource = request.at("ResourceId").get<std::string>();
  if (!targets.contains(resource)) return refusal("ObjectNotFoundException");
  policies[resource] = request;
  return json::object();
}

json FakeEcs::describe_policies(const json& request) {
  const auto found = policies.find(request.at("ResourceId").get<std::string>());
  return {
      {"ScalingPolicies", found == policies.end() ? json::array() : json::array({found->second})}};
}

json FakeEcs::delete_policy(const json& request) {
  policies.erase(request.at("ResourceId").get<std::string>());
  return json::object();
}

// ---------------------------------------------------------------------------------------- logs

json FakeEcs::log_groups(const json& request) {
  return {{"logGroups", {{{"logGroupName", request.at("logGroupNamePrefix")}}}}};
}

// A token is the number of events before it.
json FakeEcs::log_events(const json& request) {
  const std::string stream = request.at("logStreamName").get<std::string>();
  const std::string id = stream.substr(stream.rfind('/') + 1);
  const auto found = std::find_if(tasks.begin(), tasks.end(), [&](const auto& entry) {
    return entry.first.ends_with('/' + id);
  });
  if (found == tasks.end() || found->second.log.empty())
    return refusal("ResourceNotFoundException");
  const std::vector<std::string>& lines = found->second.log;
  const std::size_t from = std::stoul(request.value("nextToken", std::string("0")));
  json events = json::array();
  for (std::size_t i = from; i < lines.size(); ++i) events.push_back({{"message", lines[i]}});
  return {{"events", events}, {"nextForwardToken", std::to_string(lines.size())}};
}

}  // namespace pixell::engine::ecs
