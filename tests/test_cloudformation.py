"""The templates of deploy/cloudformation: linted, made in moto, and what they make used by an app.

moto makes no namespace or name of Cloud Map, no bucket policy and no network load balancer of a
template, puts no service behind a load balancer, and does not know most attributes: of these only
cfn-lint has looked.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from devtool.paths import ROOT, program
from pixell_testing.aws import REGION, Moto, Probe, running_moto
from pixell_testing.aws_policies import printed
from pixell_testing.ecs import ACCOUNT, INSTALLATION, revision

FOLDER = ROOT / "deploy" / "cloudformation"
TEMPLATES = ("foundation", "roles", "pac")
CLUSTER = "pixell-runtime-cluster"
BUCKET = f"pixell-agent-packages-{ACCOUNT}-{REGION}"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/pixell-agent-runtime@sha256:{'a' * 64}"
MAX_TEMPLATE_BYTES = 51_200  # of CreateStack's TemplateBody


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with running_moto(tmp_path_factory.mktemp("moto")) as moto:
        yield moto


@pytest.fixture
def moto(account: Moto) -> Moto:
    account.reset()
    return account


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text()


def make(moto: Moto, stack: str, template: str, **parameters: str) -> dict[str, str]:
    """A stack's outputs, by what their descriptions say."""
    client = moto.client("cloudformation")
    # moto makes every load balancer an application one, which has no TCP listener.
    body = re.sub(r"  A2aListener:\n(    .*\n)+", "", text_of(template))
    # It makes nothing of Cloud Map, and so knows no ARN of it.
    body = re.sub(r"      ServiceRegistries: .*\n", "", body)
    client.create_stack(
        StackName=stack,
        TemplateBody=body,
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    )
    (made,) = client.describe_stacks(StackName=stack)["Stacks"]
    assert made["StackStatus"] == "CREATE_COMPLETE", made
    return {each["Description"]: each["OutputValue"] for each in made["Outputs"]}


def make_account(
    moto: Moto, edges: Mapping[str, str] | None = None, **more: str
) -> dict[str, str]:
    """All three stacks in moto's VPC; the settings that they give. `edges` are parameters of the
    last."""
    certificate = moto.client("acm").request_certificate(DomainName="agents.example.com")
    ec2 = moto.client("ec2")
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    subnets = ",".join(each["SubnetId"] for each in ec2.describe_subnets()["Subnets"][:2])
    network = {
        "CertificateArn": certificate["CertificateArn"],
        "VpcId": vpc["VpcId"],
        "VpcCidr": vpc["CidrBlock"],
        "LoadBalancerSubnets": subnets,
        "TaskSubnets": subnets,
    }
    outputs = make(moto, "pixell", "foundation", **network, **more)
    outputs |= make(moto, "pixell-roles", "roles", **more)
    outputs |= make(moto, "pixell-pac", "pac", AgentImage=IMAGE, PacImage=IMAGE, **(edges or {}))
    return outputs


def settings_of(outputs: dict[str, str]) -> dict[str, str]:
    """As the documents say: the outputs that are variables."""
    return {name: value for name, value in outputs.items() if re.fullmatch(r"[A-Z0-9_]+", name)}


def lint(path: Path) -> str:
    program = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run([program, path], stdout=subprocess.PIPE, text=True, timeout=120)
    assert (done.returncode == 0) == (done.stdout == ""), done
    return done.stdout


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_linter_finds_nothing(name: str) -> None:
    assert lint(FOLDER / f"{name}.yaml") == ""


def test_the_linter_sees_faults(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text_of("foundation").replace("Scheme: internal", "Scheme: outside", 1))
    assert "'outside' is not one of" in lint(wrong)


@pytest.mark.parametrize("name", TEMPLATES)
def test_cloudformation_takes_the_text(name: str) -> None:
    text = text_of(name)
    assert len(text.encode()) <= MAX_TEMPLATE_BYTES
    # CloudFormation knows no aliases of YAML.
    assert not re.search(r"(?m)[:\-\[,] [&*]\w", re.sub(r"'[^']*'", "", text))


def policy_of(moto: Moto, role: str) -> Any:
    answer = moto.client("iam").get_role_policy(RoleName=role, PolicyName="pixell")
    # moto keeps that of a template as Python prints it.
    document = ast.literal_eval(answer["PolicyDocument"])
    # And None where AWS::NoValue leaves nothing.
    return {**document, "Statement": [each for each in document["Statement"] if each]}


@pytest.mark.parametrize("routing", ["edge", "alb"])
@pytest.mark.parametrize("installation", ["*", INSTALLATION])
def test_roles_have_exactly_the_printed_policies(
    moto: Moto, routing: str, installation: str
) -> None:
    outputs = make_account(moto, Routing=routing) if installation == "*" else {}
    if not outputs:
        make_account(moto)
        names = {"TaskRoleName": "other-task", "ExecutionRoleName": "other-execution"}
        given = {"Routing": routing, "Installation": installation, "NamePrefix": "bot-", **names}
        outputs = make(moto, "other", "roles", TargetGroupPrefix="bot", **given)
    options = [
        f"--routing={routing}",
        f"--bucket={BUCKET}",
        f"--installation={installation}",
        f"--name-prefix={outputs['PAC_ECS_NAME_PREFIX']}",
        f"--target-group-prefix={outputs['PAC_ECS_TARGET_GROUP_PREFIX']}",
    ]
    task, execution = (
        outputs[f"PAC_ECS_{name}_ROLE"].rpartition("/")[2] for name in ("TASK", "EXECUTION")
    )
    options += [f"--task-role={task}", f"--execution-role={execution}"]

    assert policy_of(moto, task) == printed("--role", "task", *options)
    assert policy_of(moto, execution) == printed("--role", "execution", *options)
    assert policy_of(moto, outputs["Name of PAC's role"]) == printed("--role", "pac", *options)


def test_only_ecs_tasks_of_the_account_may_be_these_roles(moto: Moto) -> None:
    outputs = make_account(moto)
    iam = moto.client("iam")
    for name in ("pixell-agent-runtime-task-role", outputs["Name of PAC's role"]):
        trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        (statement,) = trust["Statement"]
        assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert sorted(
        iam.list_role_policies(RoleName=outputs["Name of PAC's role"])["PolicyNames"]
    ) == [
        "pixell",
        "shell",
        "state",
    ]


def ingress(moto: Moto, group: str) -> set[tuple[int, str]]:
    """Port and who may connect to it."""
    (found,) = moto.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    allowed = set()
    for rule in found["IpPermissions"]:
        assert rule["FromPort"] == rule["ToPort"], rule
        for source in rule["UserIdGroupPairs"]:
            allowed.add((rule["FromPort"], source["GroupId"]))
        for network in rule["IpRanges"]:
            allowed.add((rule["FromPort"], network["CidrIp"]))
    return allowed


@pytest.mark.parametrize("routing", ["edge", "alb"])
def test_nobody_but_the_edge_and_the_load_balancer_reaches_agents(moto: Moto, routing: str) -> None:
    outputs = make_account(moto, Routing=routing)
    edge = outputs["Security group of PAC"]
    (balancer,) = (
        each["SecurityGroups"][0]
        for each in moto.client("elbv2").describe_load_balancers()["LoadBalancers"]
        if each["LoadBalancerName"] == "pixell-runtime-alb"
    )
    agents = {(8080, edge), (50051, edge), (3000, edge)}
    if routing == "alb":
        agents |= {(8080, balancer), (50051, balancer)}
    assert ingress(moto, outputs["PAC_ECS_SECURITY_GROUPS"]) == agents
    assert {source for _, source in ingress(moto, edge)}.isdisjoint({"0.0.0.0/0"})
    assert ingress(moto, outputs["Security group of PAC's state"]) == {(2049, edge)}
    assert ingress(moto, balancer) == {(443, "0.0.0.0/0"), (80, "0.0.0.0/0")}


def container_of(moto: Moto, service: Mapping[str, Any]) -> dict[str, Any]:
    """The one container of a service's tasks."""
    definition = moto.client("ecs").describe_task_definition(
        taskDefinition=service["taskDefinition"]
    )
    (container,) = definition["taskDefinition"]["containerDefinitions"]
    # moto keeps an empty place for what a condition leaves out.
    container["environment"] = [each for each in container["environment"] if each]
    return container


def test_what_is_made_is_there(moto: Moto) -> None:
    outputs = make_account(moto)

    ecs, elb = moto.client("ecs"), moto.client("elbv2")
    (cluster,) = ecs.describe_clusters(clusters=[CLUSTER])["clusters"]
    assert cluster["status"] == "ACTIVE"
    (service,) = ecs.describe_services(cluster=CLUSTER, services=["pixell-pac"])["services"]
    assert service["desiredCount"] == 1
    told = {each["name"]: each["value"] for each in container_of(moto, service)["environment"]}
    given = settings_of(outputs)
    assert told == {**given, "AGENT_PACKAGES_BUCKET": BUCKET}
    listeners = {
        each["Port"]: each
        for balancer in elb.describe_load_balancers()["LoadBalancers"]
        for each in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    }
    assert listeners[443]["Protocol"] == "HTTPS" and listeners[443]["Certificates"]
    assert listeners[80]["DefaultActions"][0]["RedirectConfig"]["Protocol"] == "HTTPS"
    groups = {
        each["TargetGroupName"]: each for each in elb.describe_target_groups()["TargetGroups"]
    }
    # moto forgets ProtocolVersion.
    assert {(name, each["Protocol"], each["Port"]) for name, each in groups.items()} == {
        ("pixell-edge-http", "HTTP", 4000),
        ("pixell-edge-grpc", "HTTP", 4000),
        ("pixell-runtime-a2a-tg", "TCP", 4000),
    }
    s3 = moto.client("s3")
    assert s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert moto.client("efs").describe_file_systems()["FileSystems"][0]["Encrypted"]
    (disk,) = moto.client("efs").describe_file_systems()["FileSystems"]
    mounts = moto.client("efs").describe_mount_targets(FileSystemId=disk["FileSystemId"])
    assert len(mounts["MountTargets"]) == 2
    repositories = moto.client("ecr").describe_repositories()["repositories"]
    assert {(each["repositoryName"], each["imageTagMutability"]) for each in repositories} == {
        ("pixell-agent-runtime", "IMMUTABLE"),
        ("pixell-agent-runtime-pac", "IMMUTABLE"),
    }
    logs = moto.client("logs").describe_log_groups()["logGroups"]
    assert {(each["logGroupName"], each["retentionInDays"]) for each in logs} == {
        ("/ecs/pixell-agent-runtime", 30),
        ("/ecs/pixell-agent-runtime-pac", 30),
    }


def test_edges_are_a_service_of_their_own_when_they_are_asked_for(moto: Moto) -> None:
    secrets = moto.client("secretsmanager")
    control, edge = (
        secrets.create_secret(Name=f"pixell/{name}", SecretString="{}")["ARN"]
        for name in ("control", "edge")
    )
    outputs = make_account(
        moto,
        {
            "EdgeDesiredCount": "3",
            "ControlCertificateSecret": control,
            "EdgeCertificateSecret": edge,
        },
    )

    services = moto.client("ecs").describe_services(
        cluster=CLUSTER, services=["pixell-pac", "pixell-edge"]
    )["services"]
    one, many = sorted(services, key=lambda each: each["desiredCount"])
    assert (one["serviceName"], one["desiredCount"]) == ("pixell-pac", 1)
    assert (many["serviceName"], many["desiredCount"]) == ("pixell-edge", 3)
    pac, door = container_of(moto, one), container_of(moto, many)
    assert {"name": "PAC_EDGE_LISTEN", "value": "0.0.0.0:4443"} in pac["environment"]
    assert {each["valueFrom"].removeprefix(control) for each in pac["secrets"]} == {
        *(":ca::", ":certificate::", ":key::")
    }
    assert {each["valueFrom"].removeprefix(edge) for each in door["secrets"]} == {
        *(":ca::", ":certificate::", ":key::")
    }
    told = {each["name"]: each["value"] for each in door["environment"]}
    assert told == {"PAC_CONTROL": "https://control.pixell.internal:4443"}
    group = outputs["Security group of PAC"]
    assert (4443, group) in ingress(moto, group)


@pytest.mark.parametrize("routing", ["edge", "alb"])
def test_an_app_runs_with_the_outputs_as_settings(moto: Moto, routing: str) -> None:
    settings = settings_of(make_account(moto, Routing=routing))
    probe = Probe(moto.environment())

    answer = probe.ask(
        op="ecs.ensure",
        installation=INSTALLATION,
        settings=settings,
        spec=revision(),
        rule_priority=100,
    )

    probe.close()
    assert "error" not in answer, answer
    (service,) = moto.client("ecs").describe_services(
        cluster=CLUSTER, services=["agent-python-executor"]
    )["services"]
    assert len(service["loadBalancers"]) == (2 if routing == "alb" else 0)


def test_a_network_is_made_where_none_is_given(moto: Moto) -> None:
    # moto's zones of a template are those of us-east-1.
    def client(service: str) -> Any:
        key = {"aws_access_key_id": "k", "aws_secret_access_key": "s"}
        return boto3.client(service, "us-east-1", endpoint_url=moto.url, **key)

    moto_there = type("There", (), {"client": staticmethod(client)})
    certificate = client("acm").request_certificate(DomainName="x.example.com")["CertificateArn"]

    outputs = make(moto_there, "pixell", "foundation", CertificateArn=certificate)

    subnets = outputs["PAC_ECS_SUBNETS"].split(",")
    found = client("ec2").describe_subnets(SubnetIds=subnets)["Subnets"]
    assert {each["VpcId"] for each in found} == {outputs["PAC_ECS_VPC"]}
    assert len({each["AvailabilityZone"] for each in found}) == 2
    assert outputs["PAC_ECS_PUBLIC_ADDRESS"] == "true"
    routes = [
        route
        for table in client("ec2").describe_route_tables()["RouteTables"]
        if table["VpcId"] == outputs["PAC_ECS_VPC"]
        for route in table["Routes"]
    ]
    assert any(route.get("GatewayId", "").startswith("igw-") for route in routes)
    assert any(route.get("GatewayId", "").startswith("vpce-") for route in routes)


def test_wrong_parameters_are_refused_before_anything_is_made() -> None:
    text = text_of("foundation")
    parameter = r"  (\w+):\n    Type: String\n(?:    .*\n)*?    AllowedPattern: (.*)"
    patterns = dict(re.findall(parameter, text))
    good = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/a-1"
    assert re.fullmatch(patterns["CertificateArn"], good)
    for name, wrong in {
        "CertificateArn": "arn:aws:iam::123456789012:server-certificate/x",
        "VpcId": "my-vpc",
        "TaskSubnets": "subnet-1",
        "VpcCidr": "10.0.0.0/8",
        "BucketName": "Packages",
        "Clients": "everybody",
    }.items():
        assert not re.fullmatch(patterns[name], wrong), name


def owners_of_libraries(name: str) -> dict[str, set[str]]:
    """Debian's packages that have each library of a program."""
    loaded = subprocess.run(
        ["ldd", program(name)], stdout=subprocess.PIPE, text=True, timeout=20, check=True
    ).stdout
    owners = {}
    for path in re.findall(r"=> (/\S+)", loaded):
        found = subprocess.run(
            ["dpkg", "-S", f"*/{Path(path).resolve().name}"],
            stdout=subprocess.PIPE,
            text=True,
            timeout=20,
            check=True,
        )
        owners[path] = {line.partition(":")[0] for line in found.stdout.splitlines()}
    return owners


def test_the_image_of_pac_has_the_libraries_of_its_programs() -> None:
    text = (ROOT / "images" / "pac" / "Dockerfile").read_text()
    (copied,) = re.findall(r"COPY (.*) /opt/pixell/bin/", text)
    of_the_base = {"libc6", "libgcc-s1", "zlib1g", "libbz2-1.0", "liblzma5", "libzstd1"}
    installed = set(text.split()) | of_the_base

    for name in copied.split():
        for library, owners in owners_of_libraries(name).items():
            assert owners & installed, (name, library, owners)
