"""Protection of tasks from a scaling in, which moto does not have."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from pixell_testing.aws import Probe, TroubledProxy
from pixell_testing.aws_calls import Aws
from pixell_testing.ecs_lifecycle.client import running_lifecycle


def on_protection(aws: Aws) -> None:
    """Protects a task of a service in our own model of AWS."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_lifecycle(Path(folder)) as model,
        contextlib.closing(TroubledProxy(model.url)) as proxy,
        contextlib.closing(Probe(model.environment(proxy.url))) as probe,
    ):
        living = Aws(model, proxy, probe)
        subnets = living("ec2", "DescribeSubnets")["subnetSet"][:1]
        group = living("ec2", "DescribeSecurityGroups")["securityGroupInfo"][0]["groupId"]
        living("ecs", "CreateCluster", clusterName="agents")
        living(
            "ecs",
            "RegisterTaskDefinition",
            family="agent-python-executor",
            requiresCompatibilities=["FARGATE"],
            executionRoleArn="arn:aws:iam::123456789012:role/pixell",
            containerDefinitions=[
                {
                    "name": "agent-runtime",
                    "image": "pixell-agent-runtime@sha256:" + "0" * 64,
                    "essential": True,
                    "memory": 512,
                }
            ],
            cpu="256",
            memory="512",
            networkMode="awsvpc",
        )
        living(
            "ecs",
            "CreateService",
            cluster="agents",
            serviceName="agent-python-executor",
            taskDefinition="agent-python-executor",
            desiredCount=1,
            launchType="FARGATE",
            clientToken="0" * 32,
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": [each["subnetId"] for each in subnets],
                    "securityGroups": [group],
                }
            },
        )
        (task,) = living("ecs", "ListTasks", cluster="agents")["taskArns"]
        protection = {"protectionEnabled": True, "expiresInMinutes": 60}
        said = living("ecs", "UpdateTaskProtection", cluster="agents", tasks=[task], **protection)
        assert not said["failures"]
        read = living.boto3("ecs").get_task_protection(cluster="agents", tasks=[task])
        assert [each["protectionEnabled"] for each in read["protectedTasks"]] == [True]
        aws.done |= living.done
