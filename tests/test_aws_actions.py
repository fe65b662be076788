"""Every action of the table: its request is one that AWS's model allows, moto does it, and boto3
reads back what it did."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pixell_testing.aws import REGION, Probe, TroubledProxy, running_moto
from pixell_testing.aws_account import on_identity, on_quotas
from pixell_testing.aws_calls import Aws
from pixell_testing.aws_protection import on_protection

CONTAINER = {
    "name": "agent-runtime",
    "image": "pixell-agent-runtime@sha256:" + "0" * 64,
    "essential": True,
    "memory": 512,
    "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
    "environment": [{"name": "AGENT_APP_ID", "value": "python-executor"}],
}
AWSVPC = {"cpu": "256", "memory": "512", "networkMode": "awsvpc"}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with running_moto(tmp_path_factory.mktemp("moto")) as moto:
        proxy = TroubledProxy(moto.url)
        probe = Probe(moto.environment(proxy.url))
        yield Aws(moto, proxy, probe)
        probe.close()
        proxy.close()


def network(aws: Aws) -> tuple[str, list[str], str]:
    """The default VPC, two of its subnets and its security group."""
    (vpc,) = aws("ec2", "DescribeVpcs", Filters=[{"Name": "is-default", "Values": ["true"]}])["vpcSet"]
    of_vpc = [{"Name": "vpc-id", "Values": [vpc["vpcId"]]}]
    subnets = aws("ec2", "DescribeSubnets", Filters=of_vpc)["subnetSet"]
    groups = aws("ec2", "DescribeSecurityGroups", Filters=of_vpc)["securityGroupInfo"]
    return vpc["vpcId"], [each["subnetId"] for each in subnets[:2]], groups[0]["groupId"]


def on_ec2(aws: Aws) -> None:
    vpc, subnets, group = network(aws)
    theirs = aws.boto3("ec2")
    assert theirs.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["IsDefault"]
    assert len(theirs.describe_subnets(SubnetIds=subnets)["Subnets"]) == 2
    assert theirs.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    named = aws("ec2", "DescribeSubnets", SubnetIds=subnets)["subnetSet"]
    assert {each["subnetId"] for each in named} == set(subnets)
    aws("ec2", "DescribeNetworkInterfaces", Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    zones = aws("ec2", "DescribeAvailabilityZones", ZoneNames=[REGION + "a"])
    assert zones["availabilityZoneInfo"][0]["zoneName"] == REGION + "a"


def on_ecs(aws: Aws) -> None:
    _, subnets, group = network(aws)
    theirs = aws.boto3("ecs")
    inside = {
        "awsvpcConfiguration": {
            "subnets": subnets,
            "securityGroups": [group],
            "assignPublicIp": "DISABLED",
        }
    }
    aws("ecs", "CreateCluster", clusterName="agents")
    definition = aws(
        "ecs",
        "RegisterTaskDefinition",
        family="agent-python-executor",
        requiresCompatibilities=["FARGATE"],
        containerDefinitions=[CONTAINER],
        tags=[{"key": "pixell:app", "value": "python-executor"}],
        **AWSVPC,
    )["taskDefinition"]["taskDefinitionArn"]
    read = theirs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    assert read["containerDefinitions"][0]["environment"] == CONTAINER["environment"]
    assert aws("ecs", "DescribeTaskDefinition", taskDefinition=definition)["taskDefinition"]
    assert definition in aws("ecs", "ListTaskDefinitions")["taskDefinitionArns"]
    assert aws("ecs", "DescribeClusters", clusters=["agents"])["clusters"][0]["status"] == "ACTIVE"
    service = aws(
        "ecs",
        "CreateService",
        cluster="agents",
        serviceName="agent-python-executor",
        taskDefinition=definition,
        desiredCount=1,
        launchType="FARGATE",
        clientToken="0" * 32,
        networkConfiguration=inside,
        deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 200},
    )["service"]["serviceArn"]
    named = {"cluster": "agents", "services": ["agent-python-executor"]}
    assert theirs.describe_services(**named)["services"][0]["desiredCount"] == 1
    assert aws("ecs", "DescribeServices", **named)["services"][0]["serviceArn"] == service
    assert service in aws("ecs", "ListServices", cluster="agents", maxResults=100)["serviceArns"]
    aws("ecs", "TagResource", resourceArn=service, tags=[{"key": "pixell:slot", "value": "b"}])
    tags = aws("ecs", "ListTagsForResource", resourceArn=service)["tags"]
    assert {"key": "pixell:slot", "value": "b"} in tags
    aws("ecs", "UpdateService", cluster="agents", service="agent-python-executor", desiredCount=2)
    assert theirs.describe_services(**named)["services"][0]["desiredCount"] == 2
    on_tasks(aws, definition, inside)
    aws("ecs", "DeleteService", cluster="agents", service="agent-python-executor", force=True)
    assert theirs.describe_services(**named)["services"][0]["status"] == "INACTIVE"
    aws("ecs", "DeregisterTaskDefinition", taskDefinition=definition)
    read = theirs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    assert read["status"] == "INACTIVE"


def on_tasks(aws: Aws, definition: str, inside: dict[str, Any]) -> None:
    # moto's services start none.
    task = aws.boto3("ecs").run_task(
        cluster="agents",
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration=inside,
    )["tasks"][0]["taskArn"]
    assert task in aws("ecs", "ListTasks", cluster="agents")["taskArns"]
    described = aws("ecs", "DescribeTasks", cluster="agents", tasks=[task])["tasks"]
    assert described[0]["taskArn"] == task
    aws("ecs", "StopTask", cluster="agents", task=task, reason="a test")
    (read,) = aws.boto3("ecs").describe_tasks(cluster="agents", tasks=[task])["tasks"]
    assert read["lastStatus"] == "STOPPED"


def on_load_balancers(aws: Aws) -> None:
    vpc, subnets, group = network(aws)
    theirs = aws.boto3("elbv2")
    (balancer,) = aws(
        "elbv2", "CreateLoadBalancer", Name="agents", Subnets=subnets, SecurityGroups=[group]
    )["LoadBalancers"]
    balancer = balancer["LoadBalancerArn"]
    (described,) = aws("elbv2", "DescribeLoadBalancers", Names=["agents"])["LoadBalancers"]
    assert described["LoadBalancerArn"] == balancer
    targets = aws(
        "elbv2",
        "CreateTargetGroup",
        Name="ag-python-executor",
        Protocol="HTTP",
        Port=8080,
        VpcId=vpc,
        TargetType="ip",
        HealthCheckPath="/health",
        Matcher={"HttpCode": "200"},
    )["TargetGroups"][0]["TargetGroupArn"]
    aws("elbv2", "ModifyTargetGroup", TargetGroupArn=targets, HealthCheckIntervalSeconds=10)
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "30"}
    aws("elbv2", "ModifyTargetGroupAttributes", TargetGroupArn=targets, Attributes=[delay])
    read = theirs.describe_target_groups(TargetGroupArns=[targets])["TargetGroups"][0]
    assert (read["HealthCheckPath"], read["HealthCheckIntervalSeconds"]) == ("/health", 10)
    attributes = theirs.describe_target_group_attributes(TargetGroupArn=targets)["Attributes"]
    assert delay in attributes
    assert aws("elbv2", "DescribeTargetGroups", Names=["ag-python-executor"])["TargetGroups"]
    listener = aws(
        "elbv2",
        "CreateListener",
        LoadBalancerArn=balancer,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[
            {
                "Type": "fixed-response",
                "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain"},
            }
        ],
    )["Listeners"][0]["ListenerArn"]
    assert aws("elbv2", "DescribeListeners", LoadBalancerArn=balancer)["Listeners"]
    on_rules(aws, listener, targets)
    aws("elbv2", "AddTags", ResourceArns=[targets], Tags=[{"Key": "pixell:app", "Value": "p"}])
    tags = aws("elbv2", "DescribeTags", ResourceArns=[targets])["TagDescriptions"][0]["Tags"]
    assert tags == [{"Key": "pixell:app", "Value": "p"}]
    target = {"Id": "172.31.0.10", "Port": 8080}
    aws("elbv2", "RegisterTargets", TargetGroupArn=targets, Targets=[target])
    health = aws("elbv2", "DescribeTargetHealth", TargetGroupArn=targets)
    assert health["TargetHealthDescriptions"][0]["Target"]["Id"] == "172.31.0.10"
    aws("elbv2", "DeregisterTargets", TargetGroupArn=targets, Targets=[target])
    assert not theirs.describe_target_health(TargetGroupArn=targets)["TargetHealthDescriptions"]
    aws("elbv2", "DeleteListener", ListenerArn=listener)
    aws("elbv2", "DeleteTargetGroup", TargetGroupArn=targets)
    aws("elbv2", "DeleteLoadBalancer", LoadBalancerArn=balancer)
    assert not theirs.describe_load_balancers()["LoadBalancers"]


def on_rules(aws: Aws, listener: str, targets: str) -> None:
    theirs = aws.boto3("elbv2")

    def forward(weight: int) -> list[dict[str, Any]]:
        groups = [{"TargetGroupArn": targets, "Weight": weight}]
        return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]

    path = {"Values": ["/agents/python-executor/*"]}
    rule = aws(
        "elbv2",
        "CreateRule",
        ListenerArn=listener,
        Priority=100,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": path}],
        Actions=forward(1),
    )["Rules"][0]["RuleArn"]
    aws("elbv2", "ModifyRule", RuleArn=rule, Actions=forward(900))
    (read,) = theirs.describe_rules(RuleArns=[rule])["Rules"]
    assert read["Conditions"][0]["PathPatternConfig"] == path
    assert read["Actions"][0]["ForwardConfig"]["TargetGroups"][0]["Weight"] == 900
    rules = aws("elbv2", "DescribeRules", ListenerArn=listener)["Rules"]
    assert [each["Priority"] for each in rules] == ["100", "default"]
    taken = aws.refused(
        "elbv2",
        "CreateRule",
        ListenerArn=listener,
        Priority=100,
        Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
        Actions=forward(1),
    )
    assert taken["name"] == "PriorityInUse"
    aws("elbv2", "DeleteRule", RuleArn=rule)
    assert len(theirs.describe_rules(ListenerArn=listener)["Rules"]) == 1


def on_cloud_map(aws: Aws) -> None:
    theirs = aws.boto3("servicediscovery")
    operation = aws("servicediscovery", "CreateHttpNamespace", Name="agents", CreatorRequestId="1")
    done = aws("servicediscovery", "GetOperation", OperationId=operation["OperationId"])
    assert done["Operation"]["Status"] == "SUCCESS"
    (namespace,) = aws("servicediscovery", "ListNamespaces")["Namespaces"]
    service = aws(
        "servicediscovery",
        "CreateService",
        Name="python-executor",
        NamespaceId=namespace["Id"],
        Tags=[{"Key": "pixell:app", "Value": "p"}],
    )["Service"]
    tags = aws("servicediscovery", "ListTagsForResource", ResourceARN=service["Arn"])["Tags"]
    assert tags == [{"Key": "pixell:app", "Value": "p"}]
    service = service["Id"]
    assert aws("servicediscovery", "GetService", Id=service)["Service"]["Name"] == "python-executor"
    assert aws("servicediscovery", "ListServices")["Services"][0]["Id"] == service
    place = {"AWS_INSTANCE_IPV4": "172.31.0.10", "AWS_INSTANCE_PORT": "8080"}
    aws(
        "servicediscovery",
        "RegisterInstance",
        ServiceId=service,
        InstanceId="task-1",
        CreatorRequestId="2",
        Attributes=place,
    )
    (read,) = theirs.list_instances(ServiceId=service)["Instances"]
    assert read["Attributes"] == place
    assert aws("servicediscovery", "ListInstances", ServiceId=service)["Instances"]
    found = aws(
        "servicediscovery",
        "DiscoverInstances",
        NamespaceName="agents",
        ServiceName="python-executor",
    )
    assert found["Instances"][0]["InstanceId"] == "task-1"
    aws("servicediscovery", "DeregisterInstance", ServiceId=service, InstanceId="task-1")
    assert not theirs.list_instances(ServiceId=service)["Instances"]
    aws("servicediscovery", "DeleteService", Id=service)
    assert not theirs.list_services()["Services"]


def on_images(aws: Aws) -> None:
    aws("ecr", "CreateRepository", repositoryName="pixell-agent-runtime", imageTagMutability="IMMUTABLE")
    theirs = aws.boto3("ecr")
    (read,) = theirs.describe_repositories()["repositories"]
    assert read["imageTagMutability"] == "IMMUTABLE"
    assert aws("ecr", "DescribeRepositories")["repositories"][0]["repositoryUri"]
    assert aws("ecr", "DescribeImages", repositoryName="pixell-agent-runtime")["imageDetails"] == []
    (token,) = aws("ecr", "GetAuthorizationToken")["authorizationData"]
    assert base64.b64decode(token["authorizationToken"]).startswith(b"AWS:")
    missing = aws.refused("ecr", "DescribeImages", repositoryName="none")
    assert (missing["code"], missing["name"]) == ("not_found", "RepositoryNotFoundException")


def on_scaling(aws: Aws) -> None:
    theirs = aws.boto3("application-autoscaling")
    ecs = aws.boto3("ecs")
    ecs.create_cluster(clusterName="scaled")
    family = "scaled"
    ecs.register_task_definition(family=family, containerDefinitions=[CONTAINER])
    ecs.create_service(cluster="scaled", serviceName="a", taskDefinition=family, desiredCount=1)
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/scaled/a",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    aws("application-autoscaling", "RegisterScalableTarget", MinCapacity=1, MaxCapacity=4, **target)
    (read,) = theirs.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert (read["MinCapacity"], read["MaxCapacity"]) == (1, 4)
    named = {"ServiceNamespace": "ecs"}
    assert aws("application-autoscaling", "DescribeScalableTargets", **named)["ScalableTargets"]
    aws(
        "application-autoscaling",
        "PutScalingPolicy",
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
            },
        },
        **target,
    )
    (policy,) = theirs.describe_scaling_policies(**named)["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 60.0
    assert aws("application-autoscaling", "DescribeScalingPolicies", **named)["ScalingPolicies"]
    aws("application-autoscaling", "DeleteScalingPolicy", PolicyName="cpu", **target)
    aws("application-autoscaling", "DeregisterScalableTarget", **target)
    assert not theirs.describe_scalable_targets(**named)["ScalableTargets"]


def on_logs(aws: Aws) -> None:
    theirs = aws.boto3("logs")
    group = "/ecs/pixell-agent-runtime"
    aws("logs", "CreateLogGroup", logGroupName=group)
    again = aws.refused("logs", "CreateLogGroup", logGroupName=group)
    assert again["code"] == "already_exists"
    aws("logs", "PutRetentionPolicy", logGroupName=group, retentionInDays=30)
    (read,) = theirs.describe_log_groups()["logGroups"]
    assert read["retentionInDays"] == 30
    assert aws("logs", "DescribeLogGroups", logGroupNamePrefix="/ecs/")["logGroups"]
    theirs.create_log_stream(logGroupName=group, logStreamName="s")
    (stream,) = aws("logs", "DescribeLogStreams", logGroupName=group)["logStreams"]
    assert stream["logStreamName"] == "s"
    assert aws("logs", "GetLogEvents", logGroupName=group, logStreamName="s")["events"] == []
    assert aws("logs", "FilterLogEvents", logGroupName=group)["events"] == []
    aws("logs", "DeleteLogGroup", logGroupName=group)
    assert not theirs.describe_log_groups()["logGroups"]


def on_secrets(aws: Aws) -> None:
    theirs, name = aws.boto3("secretsmanager"), "agent-python-executor"

    def ours(action: str, **asked: Any) -> dict[str, Any]:
        return aws("secretsmanager", action, SecretId=name, **asked)

    aws(
        "secretsmanager",
        "CreateSecret",
        Name=name,
        SecretString="one",
        ClientRequestToken="1" * 32,
    )
    assert theirs.get_secret_value(SecretId=name)["SecretString"] == "one"
    ours("PutSecretValue", SecretString="two", ClientRequestToken="2" * 32)
    assert theirs.get_secret_value(SecretId=name)["SecretString"] == "two"
    assert ours("GetSecretValue")["SecretString"] == "two"
    assert ours("DescribeSecret")["ARN"]
    assert len(aws("secretsmanager", "ListSecrets")["SecretList"]) == 1
    ours("DeleteSecret", RecoveryWindowInDays=7)
    assert not theirs.list_secrets()["SecretList"]
    ours("RestoreSecret")
    assert theirs.get_secret_value(SecretId=name)["SecretString"] == "two"
    ours("DeleteSecret", ForceDeleteWithoutRecovery=True)
    assert not theirs.list_secrets()["SecretList"]


SERVICES = (
    on_ec2,
    on_ecs,
    on_protection,
    on_load_balancers,
    on_cloud_map,
    on_images,
    on_scaling,
    on_logs,
    on_secrets,
    on_quotas,
    on_identity,
)


@pytest.mark.parametrize("use", SERVICES, ids=lambda use: use.__name__)
def test_the_actions_of_a_service(aws: Aws, use: Callable[[Aws], None]) -> None:
    use(aws)


def test_each_action_of_the_table_was_done(aws: Aws) -> None:
    """Runs after the services; alone it says which they are."""
    for use in SERVICES if not aws.done else ():
        use(aws)

    table = {tuple(pair) for pair in aws.probe.ask(op="actions")["actions"]}

    assert aws.done == table
