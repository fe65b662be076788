"""Cloud Map: what moto takes for another instance or service is the same again, or refused."""

from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.servicediscovery.models import ServiceDiscoveryBackend


class ServiceAlreadyExists(JsonRESTError):
    """The name is taken; it says by whom."""

    def __init__(self, service: Any) -> None:
        super().__init__("ServiceAlreadyExists", "Service already exists.")
        said = {
            "__type": "ServiceAlreadyExists",
            "Message": "Service already exists.",
            "CreatorRequestId": service.creator_request_id,
            "ServiceId": service.id,
        }
        self.description = json.dumps(said)


def install() -> None:
    """Puts it into moto, for the life of this process."""
    register = ServiceDiscoveryBackend.register_instance
    create = ServiceDiscoveryBackend.create_service

    def create_service(self: Any, name: str, namespace_id: str, *rest: Any, **more: Any) -> Any:
        for service in self.services.values():
            if (service.name, service.namespace_id) == (name, namespace_id):
                raise ServiceAlreadyExists(service)
        return create(self, name, namespace_id, *rest, **more)

    def register_instance(self: Any, service_id: str, instance_id: str, **rest: Any) -> str:
        service = self.get_service(service_id)
        service.instances[:] = [
            each for each in service.instances if each.instance_id != instance_id
        ]
        return register(self, service_id, instance_id, **rest)

    ServiceDiscoveryBackend.create_service = create_service
    ServiceDiscoveryBackend.register_instance = register_instance
