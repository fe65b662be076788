#pragma once

#include "api/api.hpp"

// The handlers of routes.cpp, by the file that has them.

namespace pixell::api {

// deployments.cpp
Reply create_deployment(const ApiContext& context, Call& call);
Reply deploy(const ApiContext& context, Call& call);
Reply list_deployments(const ApiContext& context, Call& call);
Reply list_app_deployments(const ApiContext& context, Call& call);
Reply get_deployment(const ApiContext& context, Call& call);

// cli_deployments.cpp
Reply get_deployment_for_cli(const ApiContext& context, Call& call);
Reply queue_stats(const ApiContext& context, Call& call);

// package_deploy.cpp
Reply deploy_package(const ApiContext& context, Call& call);

// packages.cpp
Reply list_packages(const ApiContext& context, Call& call);
Reply upload_package(const ApiContext& context, Call& call);
Reply get_package(const ApiContext& context, Call& call);
Reply delete_package(const ApiContext& context, Call& call);
Reply list_packages_for_cli(const ApiContext& context, Call& call);
Reply upload_package_for_cli(const ApiContext& context, Call& call);
Reply delete_package_for_cli(const ApiContext& context, Call& call);

// rollouts.cpp
Reply roll_back(const ApiContext& context, Call& call);
Reply command_rollout(const ApiContext& context, Call& call);

// apps.cpp
Reply list_apps(const ApiContext& context, Call& call);
Reply get_app(const ApiContext& context, Call& call);
Reply update_app(const ApiContext& context, Call& call);
Reply delete_app(const ApiContext& context, Call& call);

// traffic.cpp
Reply get_traffic(const ApiContext& context, Call& call);
Reply set_traffic(const ApiContext& context, Call& call);

// routing.cpp
Reply get_routing(const ApiContext& context, Call& call);
Reply set_routing(const ApiContext& context, Call& call);

// revisions.cpp
Reply list_revisions(const ApiContext& context, Call& call);
Reply get_revision(const ApiContext& context, Call& call);
Reply delete_revision(const ApiContext& context, Call& call);

// instances.cpp
Reply list_instances(const ApiContext& context, Call& call);
Reply get_instance(const ApiContext& context, Call& call);
Reply get_instance_usage(const ApiContext& context, Call& call);

// logs.cpp
Reply get_instance_log(const ApiContext& context, Call& call);
Reply get_app_log(const ApiContext& context, Call& call);

// events.cpp, watch.cpp
Reply list_events(const ApiContext& context, Call& call);
Reply watch(const ApiContext& context, Call& call);

// ops.cpp
Reply health(const ApiContext& context, Call& call);
Reply metrics(const ApiContext& context, Call& call);
Reply system(const ApiContext& context, Call& call);
Reply openapi(const ApiContext& context, Call& call);

// internal_routes.cpp
Reply pull_routes(const ApiContext& context, Call& call);
Reply take_measurements(const ApiContext& context, Call& call);

}  // namespace pixell::api
