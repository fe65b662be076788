"""What moto keeps and tasks need: network interfaces, secrets, log groups, definitions."""

from __future__ import annotations

import dataclasses
import ipaddress
import json

from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.ec2.models import ec2_backends
from moto.ecs.models import ecs_backends
from moto.elbv2.models import elbv2_backends
from moto.logs.models import logs_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.ssm.models import ssm_backends

ACCOUNT = DEFAULT_ACCOUNT_ID
# The first four addresses of a subnet, and its last, are Amazon's own.
RESERVED = 4
# moto is on its way from one to the other.
MOTO_ERRORS = (JsonRESTError, ServiceException)


class NotThere(Exception):
    """A task cannot start; the text is its stoppedReason."""


@dataclasses.dataclass(frozen=True)
class Interface:
    """A network interface of a task."""

    id: str
    subnet: str
    zone: str
    address: str
    mac: str
    dns: str


class Cloud:
    """moto's account in one region."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.ecs = ecs_backends[ACCOUNT][region]
        self.elb = elbv2_backends[ACCOUNT][region]
        self._ec2 = ec2_backends[ACCOUNT][region]
        self._logs = logs_backends[ACCOUNT][region]
        self._secrets = secretsmanager_backends[ACCOUNT][region]
        self._ssm = ssm_backends[ACCOUNT][region]

    def has_subnet(self, subnet: str) -> bool:
        """Whether it is there."""
        try:
            return bool(self._ec2.describe_subnets(subnet_ids=[subnet]))
        except MOTO_ERRORS:
            return False

    def has_group(self, group: str) -> bool:
        """Whether a security group is there."""
        try:
            return bool(self._ec2.describe_security_groups(group_ids=[group]))
        except MOTO_ERRORS:
            return False

    def zone(self, subnet: str) -> str:
        return self._ec2.get_subnet(subnet).availability_zone

    def attach(self, subnet: str, groups: list[str]) -> Interface:
        """A network interface with an address that nobody else has."""
        place = self._ec2.get_subnet(subnet)
        taken = {each.private_ip_address for each in self._ec2.enis.values()}
        hosts = list(ipaddress.ip_network(place.cidr_block).hosts())[RESERVED - 1 :]
        address = next(str(each) for each in hosts if str(each) not in taken)
        made = self._ec2.create_network_interface(
            place, address, group_ids=groups, description="Fargate"
        )
        made.status = "in-use"
        return Interface(
            made.id,
            subnet,
            place.availability_zone,
            address,
            made.mac_address,
            f"ip-{address.replace('.', '-')}.{self.region}.compute.internal",
        )

    def detach(self, interface: Interface) -> None:
        """Deletes it; a test may have done so."""
        self._ec2.enis.pop(interface.id, None)

    def check_secret(self, reference: str) -> None:
        """NotThere, in Fargate's words, when a reference leads nowhere."""
        if ":secretsmanager:" not in reference:
            self._check_parameter(reference)
            return
        parts = reference.split(":")
        arn, rest = ":".join(parts[:7]), [*parts[7:], "", "", ""]
        key, stage, version = rest[:3]
        try:
            found = self._secrets.get_secret_value(arn, version or None, stage or None)
        except MOTO_ERRORS as wrong:
            raise NotThere(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution "
                "resource retrieval failed: unable to retrieve secret from asm: service call has "
                f"been retried 1 time(s): failed to fetch secret {arn} from secrets manager: "
                f"ResourceNotFoundException: {wrong.message}"
            ) from wrong
        if key and key not in json.loads(found["SecretString"]):
            raise NotThere(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution "
                "resource retrieval failed: unable to retrieve secret from asm: service call has "
                "been retried 1 time(s): retrieved secret from Secrets Manager did not contain "
                f"json key {key}"
            )

    def _check_parameter(self, reference: str) -> None:
        name = reference.partition(":parameter")[2] or reference
        if self._ssm.get_parameter(name) is None and self._ssm.get_parameter(name[1:]) is None:
            raise NotThere(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution "
                "resource retrieval failed: unable to retrieve secrets from ssm: service call has "
                f"been retried 1 time(s): invalid parameters: {name}"
            )

    def open_stream(self, options: dict[str, str], container: str, task: str) -> str:
        """Makes a task's log stream and gives its name; NotThere without its group."""
        group = options["awslogs-group"]
        if options.get("awslogs-create-group") == "true":
            self._logs.ensure_log_group(group)
        if group not in self._logs.groups:
            raise NotThere(
                "ResourceInitializationError: failed to validate logger args: create stream has "
                "been retried 1 times: failed to create Cloudwatch log stream: "
                "ResourceNotFoundException: The specified log group does not exist. : exit status 1"
            )
        stream = f"{options['awslogs-stream-prefix']}/{container}/{task}"
        self._logs.ensure_log_stream(group, stream)
        return stream

    def write(self, group: str, stream: str, at: float, lines: list[str]) -> None:
        """Lines into a stream; lost when a test deleted the group, as at AWS."""
        if group not in self._logs.groups or stream not in self._logs.groups[group].streams:
            return
        events = [{"timestamp": int(at * 1000), "message": line} for line in lines]
        self._logs.put_log_events(group, stream, events)
