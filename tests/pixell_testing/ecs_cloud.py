"""An emulated AWS account in which the parts of the ECS engine make things."""

from __future__ import annotations

import contextlib
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pixell_testing.aws import Moto, Probe, TroubledProxy, running_moto
from pixell_testing.aws_models import faults
from pixell_testing.ecs import INSTALLATION, revision, settings

CLUSTER = "pixell-runtime-cluster"


class Cloud:
    """An account with a cluster, a network and a load balancer."""

    def __init__(self, moto: Moto, proxy: TroubledProxy, probe: Probe) -> None:
        self.moto, self.proxy, self.probe = moto, proxy, probe
        self.ecs, self.elb = moto.client("ecs"), moto.client("elbv2")
        self.secrets, self.logs, self.ec2 = (
            moto.client(name) for name in ("secretsmanager", "logs", "ec2")
        )

    def prepare(self) -> None:
        self.moto.reset()
        self.proxy.judge = lambda _: None
        self.proxy.asked.clear()
        self.proxy.bodies.clear()
        self.furnish()

    def furnish(self) -> None:
        """Makes what an operator has to make."""
        self.ecs.create_cluster(clusterName=CLUSTER)
        (vpc,) = self.ec2.describe_vpcs()["Vpcs"]
        subnets = self.ec2.describe_subnets()["Subnets"]
        self.subnets = [each["SubnetId"] for each in subnets[:2]]
        (group,) = self.ec2.describe_security_groups()["SecurityGroups"]
        (balancer,) = self.elb.create_load_balancer(Name="agents", Subnets=self.subnets)[
            "LoadBalancers"
        ]
        nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
        (listener,) = self.elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTPS",
            Port=443,
            DefaultActions=[nothing],
        )["Listeners"]
        self.listener = listener["ListenerArn"]
        self.settings = settings(
            PAC_ECS_SUBNETS=",".join(self.subnets), PAC_ECS_SECURITY_GROUPS=group["GroupId"]
        )
        self.alb = {
            **self.settings,
            "PAC_ECS_ROUTING": "alb",
            "PAC_ECS_LISTENER": self.listener,
            "PAC_ECS_VPC": vpc["VpcId"],
        }

    def ensure(self, **asked: Any) -> dict[str, Any]:
        """The answer, place or error."""
        usual = {"installation": INSTALLATION, "settings": self.settings, "rule_priority": 100}
        return self.probe.ask(op="ecs.ensure", **{**usual, "spec": revision(), **asked})

    def placed(self, **asked: Any) -> dict[str, Any]:
        """The answer of an ensure that succeeds."""
        answer = self.ensure(**asked)
        assert "error" not in answer, answer
        assert not answer["open"] or answer["place"]["is_switching"], answer
        return answer

    def service(self, name: str = "agent-python-executor") -> dict[str, Any]:
        (found,) = self.ecs.describe_services(cluster=CLUSTER, services=[name], include=["TAGS"])[
            "services"
        ]
        return found

    def rules(self) -> dict[str, dict[str, Any]]:
        found = self.elb.describe_rules(ListenerArn=self.listener)["Rules"]
        return {each["Priority"]: each for each in found if each["Priority"] != "default"}

    def legs(self, priority: str) -> dict[str, int]:
        (action,) = self.rules()[priority]["Actions"]
        return {
            each["TargetGroupArn"]: each["Weight"] for each in action["ForwardConfig"]["TargetGroups"]
        }

    def groups(self) -> dict[str, dict[str, Any]]:
        found = self.elb.describe_target_groups()["TargetGroups"]
        return {each["TargetGroupArn"]: each for each in found}

    def attached(self, name: str = "agent-python-executor") -> dict[str, int]:
        return {
            each["targetGroupArn"]: each["containerPort"]
            for each in self.service(name)["loadBalancers"]
        }


@contextlib.contextmanager
def running_cloud(folder: Path) -> Iterator[Cloud]:
    """An account for a `with` block."""
    with running_moto(folder) as moto:
        proxy = TroubledProxy(moto.url)
        probe = Probe(moto.environment(proxy.url))
        yield Cloud(moto, proxy, probe)
        probe.close()
        proxy.close()


@contextlib.contextmanager
def judged(cloud: Cloud) -> Iterator[Cloud]:
    """The account emptied; at the end every request must be one that AWS's models allow."""
    cloud.prepare()
    yield cloud
    asked = zip(cloud.proxy.asked, cloud.proxy.bodies, strict=True)
    wrong = {fault for request, body in asked for fault in faults(*request, body)}
    assert not wrong, wrong


def action_of(headers: Mapping[str, str], body: bytes) -> str:
    """The action of a request."""
    if target := headers.get("X-Amz-Target"):
        return target.partition(".")[2]
    return dict(urllib.parse.parse_qsl(body.decode()))["Action"]


def tags(listed: list[dict[str, str]]) -> dict[str, str]:
    """Tags as any of the services lists them."""
    return {each.get("key", each.get("Key")): each.get("value", each.get("Value")) for each in listed}
