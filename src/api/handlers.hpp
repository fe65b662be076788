#pragma once

#include "api/api.hpp"

// The handlers of routes.cpp, by the file that has them.

namespace pixell::api {

// deployments.cpp
Reply create_deployment(const ApiContext& context, Call& call);
Reply get_deployment(const ApiContext& context, Call& call);
Reply queue_stats(const ApiContext& context, Call& call);

// package_deploy.cpp
Reply deploy_package(const ApiContext& context, Call& call);

// apps.cpp
Reply list_apps(const ApiContext& context, Call& call);
Reply get_app(const ApiContext& context, Call& call);
Reply get_instance_log(const ApiContext& context, Call& call);

// ops.cpp
Reply health(const ApiContext& context, Call& call);
Reply metrics(const ApiContext& context, Call& call);
Reply system(const ApiContext& context, Call& call);
Reply openapi(const ApiContext& context, Call& call);

// internal_routes.cpp
Reply pull_routes(const ApiContext& context, Call& call);
Reply take_measurements(const ApiContext& context, Call& call);

}  // namespace pixell::api
