"""The policies of `pac aws policy`: with them an app's whole way is open, with less it is not.

moto decides by the action alone. Resources and conditions are judged against what the way made and
asked for, and by parliament, which knows what each action of AWS takes.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import parliament
import pytest
from devtool.paths import ROOT
from pixell_testing.aws import Probe
from pixell_testing.aws_policies import (
    Policy,
    actions_of,
    all_actions,
    demanding,
    denied_action,
    listed,
    printed,
    user_with,
    without,
)
from pixell_testing.ecs import ACCOUNT, INSTALLATION, revision
from pixell_testing.ecs_cloud import CLUSTER, Cloud, action_of, running_cloud

BUCKET = "pixell-agent-packages"
NAMESPACE = "agents"
SCALABLE_TARGET = (
    f"arn:aws:application-autoscaling:us-east-2:{ACCOUNT}:scalable-target/0ec5abc"
)
PAC = {routing: printed("--routing", routing) for routing in ("edge", "alb")}
# AWS demands these; moto does not ask for them.
UNSEEN = {
    "GiveRolesToTasks",  # iam:PassRole
    "TagWhatIsMade",  # tags that come with what is made
    "TagOurs",
    "TagRoutes",
}
# Of a statement that moto does see.
UNSEEN_ACTIONS = {
    "logs:TagResource",
    "s3:ListBucket",  # without it a missing object is a forbidden one
    "secretsmanager:TagResource",
}
# What running an app needs besides.
ELSEWHERE = {
    "application-autoscaling:DeleteScalingPolicy",
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:RegisterScalableTarget",
    "application-autoscaling:TagResource",
    # By Application Auto Scaling, with the leave of its caller.
    "cloudwatch:DeleteAlarms",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:PutMetricAlarm",
    "iam:CreateServiceLinkedRole",
    "ecs:StopTask",
    "ecs:UpdateTaskProtection",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancers",
    "logs:GetLogEvents",
}

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("moto")) as cloud:
        yield cloud


@pytest.fixture
def cloud(account: Cloud) -> Cloud:
    account.prepare()
    account.moto.keep_states("ecs::task")
    account.s3 = account.moto.client("s3")
    account.s3.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-east-2"}
    )
    account.map = account.moto.client("servicediscovery")
    account.map.create_http_namespace(Name=NAMESPACE, CreatorRequestId="1")
    return account


class Refused(Exception):
    """The way ended at this answer."""


def asker(cloud: Cloud, policy: Policy) -> Ask:
    """Asks the probe as a user with the policy; Refused at the first error."""
    keys = user_with(cloud.moto, policy)
    probe = Probe({**cloud.moto.environment(cloud.proxy.url), **keys})

    def ask(**asked: Any) -> dict[str, Any]:
        with demanding(cloud.moto):
            answer = probe.ask(**asked)
        if "error" in answer:
            probe.close()
            raise Refused(answer)
        return answer

    ask.close = probe.close
    return ask


def ensure(ask: Ask, settings: dict[str, str], **spec: Any) -> str:
    """An ensure's task definition."""
    answer = ask(
        op="ecs.ensure",
        installation=INSTALLATION,
        settings=settings,
        spec=revision(**spec),
        rule_priority=100,
    )
    return answer["place"]["task_definition"]


def start_task(cloud: Cloud, definition: str) -> str:
    """A task as ECS would start it."""
    inside = {
        "subnets": cloud.subnets,
        "securityGroups": [cloud.settings["PAC_ECS_SECURITY_GROUPS"]],
    }
    (task,) = cloud.ecs.run_task(
        cluster=CLUSTER,
        taskDefinition=definition,
        launchType="FARGATE",
        group="service:agent-python-executor",
        networkConfiguration={"awsvpcConfiguration": inside},
    )["tasks"]
    return task["taskArn"]


def go_the_whole_way(cloud: Cloud, ask: Ask, routing: str) -> None:
    """All that Pixell does in an account for an app; Refused where it is."""
    ask(op="s3.put", bucket=BUCKET, key="o/a/1/x.apkg", body="bytes", must_be_new=True)
    ask(op="s3.get", bucket=BUCKET, key="o/a/1/x.apkg")
    settings = cloud.alb if routing == "alb" else cloud.settings
    ensure(ask, settings)
    definition = ensure(ask, settings, revision=8, environment={"OPENAI_API_KEY": "sk-other"})
    if routing == "alb":
        vpc = cloud.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        settings = {**settings, "PAC_ECS_VPC": vpc}
        ensure(ask, settings, revision=8)
        for arn, port in cloud.attached().items():
            target = {"Id": "10.9.0.7", "Port": port}
            cloud.elb.register_targets(TargetGroupArn=arn, Targets=[target])
        for arn in cloud.groups():
            cloud.elb.modify_target_group(TargetGroupArn=arn, HealthCheckIntervalSeconds=10)
        ensure(ask, settings, revision=8)
    planned = {"op": "ecs.plan", "installation": INSTALLATION, "rule_priority": 200}
    ask(**planned, settings=settings, spec=revision(app_id="next"))
    told = {
        "op": "ecs.mirror",
        "installation": INSTALLATION,
        "spec": revision(),
        "settings": {**settings, "PAC_ECS_NAMESPACE": NAMESPACE},
    }
    task = start_task(cloud, definition)
    assert ask(**told)["registered"] == 1
    cloud.ecs.stop_task(cluster=CLUSTER, task=task)
    assert ask(**told)["deregistered"] == 1
    gone = ask(op="ecs.collect", installation=INSTALLATION, live={}, settings=told["settings"], app="")
    if gone["place"]["failed"]:
        raise Refused({"error": gone["place"]["failed"][0]})
    assert gone["place"]["removed"] == ["python-executor"], gone
    # It comes again while its secret can be restored.
    ensure(ask, settings, deployment_id="again", environment={"OPENAI_API_KEY": "sk-third"})
    ask(**told)


def requests(cloud: Cloud) -> list[tuple[str, bytes]]:
    """What went over the wire: IAM's name of the action and the body."""
    found = []
    for (method, _, headers), body in zip(cloud.proxy.asked, cloud.proxy.bodies, strict=True):
        (service,) = re.findall(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", headers["Authorization"])
        name = action_of(headers, body) if service != "s3" else ""
        name = name or {"PUT": "PutObject", "GET": "GetObject", "HEAD": "GetObject"}[method]
        found.append((f"{service}:{name}", body))
    return found


@pytest.mark.parametrize("routing", PAC)
def test_the_whole_way_is_open_and_needs_every_action(cloud: Cloud, routing: str) -> None:
    ask = asker(cloud, PAC[routing])
    go_the_whole_way(cloud, ask, routing)
    ask.close()

    seen = {
        action
        for statement in PAC[routing]["Statement"]
        if statement["Sid"] not in UNSEEN
        for action in actions_of(statement)
    }
    assert {name for name, _ in requests(cloud)} == seen - UNSEEN_ACTIONS - ELSEWHERE


def called_in_source() -> set[str]:
    """The texts in the sources that call AWS: names of actions are among them."""
    files = [
        file
        for folder in ("src/engine/ecs", "src/cmd/pac", "src/aws")
        for file in (ROOT / folder).rglob("*.[ch]pp")
        if not re.search(r"_test\.cpp$|/testing/|aws/(actions|permissions)\.cpp$", str(file))
    ]
    return {text for file in files for text in re.findall(r'"([A-Z][A-Za-z]+)"', file.read_text())}


def test_what_the_code_calls_is_allowed_and_nothing_else() -> None:
    aws_only = {"PassRole", "AddTags", "GetObject", "PutObject", "ListBucket"}
    allowed = {action.partition(":")[2] for action in all_actions(PAC["alb"])} - aws_only
    elsewhere = {action.partition(":")[2] for action in ELSEWHERE}
    table = re.findall(r'Action\{"[\w-]+", "(\w+)"', (ROOT / "src/aws/actions.cpp").read_text())
    # By these the clients find who they are.
    called = called_in_source() & set(table) - {"AssumeRole", "GetCallerIdentity"}
    assert allowed - elsewhere == called - elsewhere, "src/aws/permissions.cpp and the sources differ"


@pytest.mark.parametrize(
    ("routing", "sid"),
    [
        (routing, statement["Sid"])
        for routing in PAC
        for statement in PAC[routing]["Statement"]
        if statement["Sid"] not in UNSEEN
        and not actions_of(statement) <= ELSEWHERE
        # What both routings have is taken out of one.
        and (routing == "edge" or statement not in PAC["edge"]["Statement"])
    ],
)
def test_without_a_statement_the_way_ends_at_its_action(
    cloud: Cloud, routing: str, sid: str
) -> None:
    ask = asker(cloud, without(PAC[routing], sid))
    (taken,) = (actions_of(each) for each in PAC[routing]["Statement"] if each["Sid"] == sid)

    with pytest.raises(Refused) as refused:
        go_the_whole_way(cloud, ask, routing)

    assert denied_action(refused.value.args[0]) in taken, refused.value.args[0]


def test_an_agent_may_fetch_packages_and_nothing_else(cloud: Cloud) -> None:
    cloud.s3.put_object(Bucket=BUCKET, Key="k", Body=b"bytes")
    keys = user_with(cloud.moto, printed("--role", "task"))
    probe = Probe({**cloud.moto.environment(), **keys})
    with demanding(cloud.moto):
        assert probe.ask(op="s3.get", bucket=BUCKET, key="k")["body"] == "bytes"
        for asked in (
            {"op": "s3.put", "key": "k2", "body": "x"},
            {"op": "s3.delete", "key": "k"},
            {"op": "s3.list"},
        ):
            assert probe.ask(bucket=BUCKET, **asked)["status"] == 403, asked
        for service, action in probe.ask(op="actions")["actions"]:
            # Everybody may ask who he is.
            if action == "GetCallerIdentity":
                continue
            role = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/other", "RoleSessionName": "s"}
            parameters = role if action == "AssumeRole" else {}
            answer = probe.ask(op="call", service=service, action=action, parameters=parameters)
            assert denied_action(answer).partition(":")[2] == action, answer
    probe.close()


def arns_of_the_way(cloud: Cloud) -> dict[str, list[str]]:
    """What boto3 finds in the account, by the statement that has to cover it."""
    (cluster,) = cloud.ecs.describe_clusters(clusters=[CLUSTER])["clusters"]
    services = cloud.ecs.list_services(cluster=CLUSTER)["serviceArns"]
    definitions = cloud.ecs.list_task_definitions()["taskDefinitionArns"]
    secrets = [each["ARN"] for each in cloud.secrets.list_secrets()["SecretList"]]
    logs = [
        each["arn"].removesuffix(":*") for each in cloud.logs.describe_log_groups()["logGroups"]
    ]
    groups = list(cloud.groups())
    rules = [each["RuleArn"] for each in cloud.rules().values()]
    tasks = cloud.ecs.list_tasks(cluster=CLUSTER, desiredStatus="STOPPED")["taskArns"]
    discovery = [each["Arn"] for each in cloud.map.list_services()["Services"]]
    task = cloud.ecs.describe_task_definition(taskDefinition=definitions[-1])["taskDefinition"]
    described = [cluster["clusterArn"], *services, *tasks, *secrets, *discovery]
    return {
        "LookByName": described,
        "MakeOurs": definitions + services + secrets + discovery,
        "ChangeOurs": services + tasks + secrets + discovery,
        "TagWhatIsMade": services + definitions,
        "GiveRolesToTasks": [task["taskRoleArn"], task["executionRoleArn"]],
        "ScaleServices": [SCALABLE_TARGET],
        "WatchForScaling": [
            f"arn:aws:cloudwatch:us-east-2:{ACCOUNT}:alarm:"
            f"TargetTracking-service/{CLUSTER}/agent-a-AlarmHigh-1"
        ],
        "KeepLogs": [*logs, *(f"{each}:log-stream:agent-a/agent-runtime/1" for each in logs)],
        "KeepPackages": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/o/a/1/x.apkg"],
        "MakeRoutes": [*groups, cloud.listener],
        "ChangeRoutes": groups + rules,
        "TagRoutes": groups + rules,
    }


def test_resources_and_tags_of_the_way_are_those_of_the_policy(cloud: Cloud) -> None:
    policy = printed("--routing", "alb", "--installation", INSTALLATION)
    ask = asker(cloud, policy)
    go_the_whole_way(cloud, ask, "alb")
    ask.close()

    found = arns_of_the_way(cloud)
    for statement in policy["Statement"]:
        patterns = listed(statement["Resource"])
        if patterns == ["*"]:
            assert statement["Sid"] not in found
            continue
        assert found[statement["Sid"]], statement["Sid"]
        for arn in found[statement["Sid"]]:
            assert any(fnmatch.fnmatchcase(arn, each) for each in patterns), (arn, statement)
        assert not any(
            fnmatch.fnmatchcase(arn.replace("us-east-2", "eu-west-1"), each)
            for arn in found[statement["Sid"]]
            if "us-east-2" in arn
            for each in patterns
        )
        is_on_the_way = not actions_of(statement) <= ELSEWHERE
        if is_on_the_way and "aws:RequestTag/pixell:installation" in json.dumps(
            statement.get("Condition", {})
        ):
            bodies = [body for name, body in requests(cloud) if name in actions_of(statement)]
            assert bodies, statement["Sid"]
            for body in bodies:
                assert b"pixell" in body and INSTALLATION.encode() in body, (statement, body)


# parliament's knowledge is older than these, or it wants all kinds of resource at once.
KNOWN = {
    # AWS's own examples narrow it by the condition.
    ("RESOURCE_STAR", "ecs:ListTasks"),
    ("RESOURCE_STAR", "iam:CreateServiceLinkedRole"),
    # As the condition does: written out, the policy would not fit in one.
    ("RESOURCE_STAR", "application-autoscaling:TagResource"),
    # Rules of Network Load Balancers are none of ours.
    ("RESOURCE_MISMATCH", "elasticloadbalancing:CreateRule"),
    ("RESOURCE_MISMATCH", "elasticloadbalancing:ModifyRule"),
    # Of 2023, in AWS's Service Authorization Reference.
    ("UNKNOWN_CONDITION_FOR_ACTION", "elasticloadbalancing:AddTags"),
}


@pytest.mark.parametrize("role", ["pac", "task", "execution"])
def test_a_linter_that_knows_aws_finds_nothing_in_it(role: str) -> None:
    document = printed("--role", role, "--routing", "alb")

    findings = parliament.analyze_policy_string(json.dumps(document)).findings

    unknown = [
        f"{each.issue}: {each.detail}"
        for each in findings
        if not any(each.issue == issue and action in str(each.detail) for issue, action in KNOWN)
    ]
    assert not unknown


def test_the_linter_sees_faults() -> None:
    document = printed("--role", "task")
    document["Statement"][0]["Action"] = "s3:FetchObject"

    findings = parliament.analyze_policy_string(json.dumps(document)).findings

    assert [each.issue for each in findings] == ["UNKNOWN_ACTION"]


def test_documents_fit_in_one_managed_policy(tmp_path: Path) -> None:
    for role in ("pac", "task", "execution"):
        text = json.dumps(printed("--role", role, "--routing", "alb"), separators=(",", ":"))
        assert len(text) <= 6144, role
