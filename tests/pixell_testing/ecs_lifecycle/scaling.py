"""Application Auto Scaling: moto keeps targets and policies, of services that are the model's here.

Nothing is measured and nobody scales: a test changes a service's desiredCount as it would. What
Amazon documents and moto does not do: a target's policies go with it, and its tags are given when
it is made.
"""

from __future__ import annotations

from typing import Any

from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from pixell_testing.ecs_lifecycle.scheduler import Scheduler


def install(scheduler: Scheduler) -> None:
    """Puts it into moto, for the life of this process."""
    deregister = ApplicationAutoscalingBackend.deregister_scalable_target

    def is_there(self: Any, r_id: str) -> bool:
        _, cluster, name = r_id.split("/")
        for service in scheduler.services.values():
            if (service.cluster.name, service.name) == (cluster, name):
                return service.status == "ACTIVE"
        raise AWSValidationException(f"ECS service doesn't exist: {r_id}")

    def deregister_scalable_target(self: Any, namespace: str, r_id: str, dimension: str) -> None:
        deregister(self, namespace, r_id, dimension)
        for key, policy in list(self.policies.items()):
            if (policy.resource_id, policy.scalable_dimension) == (r_id, dimension):
                del self.policies[key]

    ApplicationAutoscalingBackend._ecs_service_exists_for_target = is_there
    ApplicationAutoscalingBackend.deregister_scalable_target = deregister_scalable_target
