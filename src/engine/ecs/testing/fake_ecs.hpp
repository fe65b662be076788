#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "aws/transport.hpp"
#include "base/testing/fake_clock.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::engine::ecs {

/// An ECS whose services have tasks, with as much of the other services as an engine needs. Nothing
/// happens by itself: a test says when the scheduler looks and what becomes of a task.
class FakeEcs {
 public:
  struct Task {
    std::string arn;
    std::string service;
    std::string definition;
    std::string status = "PENDING";
    std::string wanted = "RUNNING";
    std::string health = "UNKNOWN";
    std::string stop_code{};
    std::string reason{};
    int exit_code = -1;  ///< -1 = none
    bool is_protected = false;
    nlohmann::json tags = nlohmann::json::array();
    double created_at = 0;
    std::vector<std::string> log{};
  };
  struct Service {
    nlohmann::json shown;  ///< as DescribeServices has it
    bool places_tasks = true;
  };

  aws::Outside outside();

  /// The scheduler looks: starts what is too few, stops what is too many and not protected, the
  /// newest first.
  void schedule();
  /// All live tasks run and are healthy, all that are stopping have stopped.
  void settle_tasks();
  /// A task ends by itself.
  void exit(Task& task, int code, const std::string& reason = "Essential container in task exited");
  /// ECS forgets the tasks that stopped.
  void forget_stopped();

  std::vector<Task*> live();
  Task* with_instance(const std::string& instance);
  nlohmann::json& service(const std::string& name) { return services.at(name).shown; }
  int count(const std::string& action) const;

  FakeClock clock;
  std::map<std::string, Service> services{};
  std::map<std::string, Task> tasks{};               ///< by ARN
  std::map<std::string, nlohmann::json> targets{};   ///< scalable ones, by resource id
  std::map<std::string, nlohmann::json> policies{};  ///< one of each target
  /// Of too many tasks the oldest go first, instead of the newest.
  bool takes_oldest = false;
  /// No call arrives.
  bool is_down = false;
  /// Calls of these actions are done and their answers lost.
  std::set<std::string> lost{};
  /// Calls of these actions are refused by this name of an error.
  std::map<std::string, std::string> refused{};
  /// Tasks that cannot be protected.
  std::set<std::string> unprotectable{};
  std::vector<std::pair<std::string, nlohmann::json>> asked{};
  /// Pages of metrics of the tasks, by "address:port".
  std::map<std::string, std::string> metrics{};
  /// Called with each call's action, before it is done.
  std::function<void(const std::string& action)> on_call{};

 private:
  using Handler = nlohmann::json (FakeEcs::*)(const nlohmann::json&);
  Result<net::FetchReply> reply(const net::FetchRequest& request);
  nlohmann::json create_service(const nlohmann::json& request);
  nlohmann::json update_service(const nlohmann::json& request);
  nlohmann::json describe_services(const nlohmann::json& request);
  nlohmann::json register_definition(const nlohmann::json& request);
  nlohmann::json describe_definition(const nlohmann::json& request);
  nlohmann::json list_tasks(const nlohmann::json& request);
  nlohmann::json describe_tasks(const nlohmann::json& request);
  nlohmann::json protect_tasks(const nlohmann::json& request);
  nlohmann::json stop_task(const nlohmann::json& request);
  nlohmann::json tag(const nlohmann::json& request);
  nlohmann::json log_groups(const nlohmann::json& request);
  nlohmann::json log_events(const nlohmann::json& request);
  nlohmann::json register_target(const nlohmann::json& request);
  nlohmann::json describe_targets(const nlohmann::json& request);
  nlohmann::json deregister_target(const nlohmann::json& request);
  nlohmann::json put_policy(const nlohmann::json& request);
  nlohmann::json describe_policies(const nlohmann::json& request);
  nlohmann::json delete_policy(const nlohmann::json& request);
  static const std::map<std::string, Handler>& handlers();
  void stop(Task& task, const std::string& code, const std::string& reason);

  std::map<std::string, nlohmann::json> definitions_{};  // by ARN, as they were registered
  std::map<std::string, int> families_{};
  int next_task_ = 1;
};

}  // namespace pixell::engine::ecs
