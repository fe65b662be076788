"""The model of AWS in which tasks live: it does what Amazon documents of tasks and services."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pixell_testing.ecs_lifecycle.account import CLUSTER, LOG_GROUP, Account, address
from pixell_testing.ecs_lifecycle.client import running_lifecycle

ORDER = (
    "PROVISIONING",
    "PENDING",
    "ACTIVATING",
    "RUNNING",
    "DEACTIVATING",
    "STOPPING",
    "DEPROVISIONING",
    "STOPPED",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with running_lifecycle(tmp_path_factory.mktemp("aws")) as aws:
        yield Account(aws)


@pytest.fixture
def account(served: Account) -> Iterator[Account]:
    served.prepare()
    yield served
    assert not served.wrong, served.wrong


def test_a_task_goes_through_all_states_in_their_order(account: Account) -> None:
    account.register()
    account.create()
    (arn,) = account.arns()
    seen: list[tuple[str, str]] = []

    def see(last: str) -> bool:
        (task,) = account.describe([arn])
        if (task["lastStatus"], task["healthStatus"]) not in seen:
            seen.append((task["lastStatus"], task["healthStatus"]))
        return task["lastStatus"] == last and (
            last != "RUNNING" or task["healthStatus"] != "UNKNOWN"
        )

    account.aws.until("it is healthy", lambda: see("RUNNING"))
    account.ecs.stop_task(cluster=CLUSTER, task=arn, reason="by a test")
    account.aws.until("it has stopped", lambda: see("STOPPED"))

    states = [status for status, _ in seen]
    assert [ORDER.index(each) for each in states] == sorted(ORDER.index(each) for each in states)
    assert seen.index(("RUNNING", "UNKNOWN")) < seen.index(("RUNNING", "HEALTHY"))
    (task,) = account.describe([arn])
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "by a test")
    times = [
        "createdAt",
        "pullStartedAt",
        "pullStoppedAt",
        "startedAt",
        "stoppingAt",
        "executionStoppedAt",
        "stoppedAt",
    ]
    assert [task[each] for each in times] == sorted(task[each] for each in times)


def test_a_service_has_as_many_tasks_as_are_desired(account: Account) -> None:
    definition = account.register()
    account.create(desiredCount=3, propagateTags="TASK_DEFINITION")

    account.ecs.get_waiter("services_stable").wait(
        cluster=CLUSTER, services=["x"], WaiterConfig={"Delay": 0.05, "MaxAttempts": 100}
    )
    service = account.steady()

    assert (service["runningCount"], service["pendingCount"]) == (3, 0)
    (deployment,) = service["deployments"]
    assert (deployment["status"], deployment["taskDefinition"]) == ("PRIMARY", definition)
    tasks = account.tasks()
    assert {task["startedBy"] for task in tasks} == {deployment["id"]}
    assert {task["group"] for task in tasks} == {"service:x"}
    assert {task["taskDefinitionArn"] for task in tasks} == {definition}
    assert all(task["tags"] == [{"key": "of", "value": "definition"}] for task in tasks)
    addresses = {address(task) for task in tasks}
    assert len(addresses) == 3
    made = account.ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert addresses == {each["PrivateIpAddress"] for each in made}
    # The newest event is the first.
    events = account.messages()
    assert events[0] == "(service x) has reached a steady state."
    assert events[1] == f"(service x) (deployment {deployment['id']}) deployment completed."
    assert events[2].startswith("(service x) has started 3 tasks: (task ")
    (cluster,) = account.ecs.describe_clusters(clusters=[CLUSTER])["clusters"]
    assert (cluster["activeServicesCount"], cluster["runningTasksCount"]) == (1, 3)


def test_tasks_are_scaled_in_and_their_interfaces_go(account: Account) -> None:
    account.register()
    account.create(desiredCount=3)
    account.steady()

    account.update(desiredCount=0)

    stopped = account.stopped(count=3)
    assert {task["stopCode"] for task in stopped} == {"ServiceSchedulerInitiated"}
    assert all(
        task["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-svc/")
        for task in stopped
    )
    assert {task["containers"][0]["exitCode"] for task in stopped} == {0}
    assert account.ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    service = account.steady()
    assert (service["status"], service["runningCount"]) == ("ACTIVE", 0)


def test_who_hangs_is_killed_after_its_stop_timeout(account: Account) -> None:
    account.register()
    account.aws.behave("agent-x", stop="hang")
    account.aws.control("settings", second_ms=1_000)
    account.create()
    account.steady()
    (arn,) = account.arns()

    account.ecs.stop_task(cluster=CLUSTER, task=arn)

    def is_stopping() -> bool:
        return account.describe([arn])[0]["lastStatus"] == "STOPPING"

    account.aws.until("it got SIGTERM", is_stopping)
    account.aws.advance(34_000)
    assert is_stopping()
    account.aws.advance(2_000)
    (task,) = account.stopped()
    assert task["containers"][0]["exitCode"] == 137
    (told,) = [each for each in account.aws.tasks() if each["taskArn"] == arn]
    assert told["signals"] == [15, 9]


def test_a_task_that_ends_is_replaced(account: Account) -> None:
    account.register()
    account.create()
    account.steady()
    (first,) = account.arns()

    account.aws.kill(first)

    (ended,) = account.stopped()
    assert ended["stopCode"] == "EssentialContainerExited"
    assert ended["stoppedReason"] == "Essential container in task exited"
    assert ended["containers"][0]["exitCode"] == 137
    account.steady()
    (second,) = account.arns()
    assert second != first


@pytest.mark.parametrize(
    ("boot", "code", "reason", "exit_code"),
    [
        ("fail", "EssentialContainerExited", "Essential container in task exited", 13),
        ("oom", "EssentialContainerExited", "Essential container in task exited", 137),
        ("cannot_pull", "TaskFailedToStart", "CannotPullContainerError: ", None),
        ("secret_missing", "TaskFailedToStart", "ResourceInitializationError: ", None),
        ("hang", "ServiceSchedulerInitiated", "Task failed container health checks", 0),
        ("unhealthy", "ServiceSchedulerInitiated", "Task failed container health checks", 0),
    ],
)
def test_each_failure_is_told_as_fargate_tells_it(
    account: Account, boot: str, code: str, reason: str, exit_code: int | None
) -> None:
    account.register()
    account.aws.behave("agent-x", boot=boot)
    account.create()

    ended = account.stopped()[0]

    assert ended["stopCode"] == code
    assert ended["stoppedReason"].startswith(reason)
    (container,) = ended["containers"]
    assert container.get("exitCode") == exit_code
    assert ("startedAt" in ended) == (code != "TaskFailedToStart")
    if boot == "oom":
        assert container["reason"].startswith("OutOfMemoryError: ")
    # Another is tried.
    assert account.arns() != [ended["taskArn"]]


def test_who_never_reaches_running_is_started_ever_more_slowly(account: Account) -> None:
    account.register()
    account.aws.behave("agent-x", boot="cannot_pull")
    account.aws.control("settings", restart_ms=1_000, restart_max_ms=60_000)
    account.create()

    account.aws.advance(15_000)

    tasks = account.aws.tasks()
    pauses = [
        round(later["createdAt"] - earlier["executionStoppedAt"])
        for earlier, later in zip(tasks, tasks[1:])
    ]
    assert pauses == [1, 1, 2, 4]
    told = "(service x) is unable to consistently start tasks successfully."
    assert any(each.startswith(told) for each in account.messages())


def test_what_cannot_be_placed_is_in_the_events(account: Account) -> None:
    account.register()
    account.aws.behave("agent-x", boot="never_placed")
    account.create()

    assert account.arns() == []
    (event,) = account.messages()
    assert event.startswith("(service x) was unable to place a task. Reason: Capacity is unavail")

    account.aws.behave("agent-x", boot="ready")
    assert account.steady()["runningCount"] == 1


def test_a_log_group_that_is_not_there_fails_the_task(account: Account) -> None:
    account.logs.delete_log_group(logGroupName=LOG_GROUP)
    account.register()
    account.create()

    ended = account.stopped()[0]

    assert ended["stopCode"] == "TaskFailedToStart"
    assert (
        "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log "
        in (ended["stoppedReason"])
    )


def test_secrets_must_be_there_with_version_and_key(account: Account) -> None:
    made = account.secrets.create_secret(Name="agent-x", SecretString=json.dumps({"KEY": "v"}))
    arn, version = made["ARN"], made["VersionId"]
    cases = {
        f"{arn}:KEY::{version}": None,
        f"{arn}:KEY::{'0' * 32}": "ResourceNotFoundException: Secrets Manager can't find the spec",
        f"{arn}:OTHER::{version}": "did not contain json key OTHER",
        arn[:-6] + "aaaaaa:KEY::": "ResourceNotFoundException: Secrets Manager can't find the spec",
    }
    for turn, (reference, words) in enumerate(cases.items()):
        family = f"agent-{turn}"
        account.register(family, secrets=[{"name": "KEY", "valueFrom": reference}])
        account.create(family, taskDefinition=family)
        if words is None:
            account.steady(family)
            continue
        ended = account.stopped(family)[0]
        assert ended["stopCode"] == "TaskFailedToStart"
        assert ended["stoppedReason"].startswith(
            "ResourceInitializationError: unable to pull secre"
        )
        assert words in ended["stoppedReason"]


def test_tasks_write_what_par_writes(account: Account) -> None:
    account.register()
    account.create()
    account.steady()
    (arn,) = account.arns()
    events = [line["event"] for line in account.lines(arn)]
    assert events[0] == "Starting three-surface runtime"
    assert events[-1] == "Runtime ready"

    account.update(desiredCount=0)
    account.stopped()
    events = [line["event"] for line in account.lines(arn)]
    assert events[-2:] == ["Draining connections", "Runtime shutdown complete"]

    report = {"cause": "dependency_not_found", "message": "there is no package absent==1"}
    account.aws.behave("agent-x", boot="fail", boot_report=report)
    account.update(desiredCount=1)
    ended = account.stopped(count=2)[-1]
    last = account.lines(ended["taskArn"])[-1]
    assert {"event": "Boot failed", "exit_code": 12, **report}.items() <= last.items()
    assert ended["containers"][0]["exitCode"] == 12


def test_stopped_tasks_are_forgotten_in_the_end(account: Account) -> None:
    account.register()
    account.create(desiredCount=0)
    account.update(desiredCount=1)
    account.steady()
    account.update(desiredCount=0)
    (ended,) = account.stopped()

    account.aws.advance(3_599_000)
    assert account.arns(status="STOPPED") == [ended["taskArn"]]
    account.aws.advance(2_000)

    assert account.arns(status="STOPPED") == []
    found = account.ecs.describe_tasks(cluster=CLUSTER, tasks=[ended["taskArn"]])
    assert found["tasks"] == []
    assert found["failures"] == [{"arn": ended["taskArn"], "reason": "MISSING"}]


def test_protected_tasks_stay_when_others_go(account: Account) -> None:
    account.register()
    account.create(desiredCount=3)
    account.steady()
    kept = account.arns()[-1]

    answer = account.ecs.update_task_protection(
        cluster=CLUSTER, tasks=[kept], protectionEnabled=True, expiresInMinutes=5
    )
    account.update(desiredCount=0)

    assert answer["protectedTasks"][0]["protectionEnabled"]
    account.stopped(count=2)
    assert account.arns() == [kept]
    assert any("was unable to scale in. Reason: " in each for each in account.messages())
    account.aws.advance(5 * 60_000)
    account.stopped(count=3)
    assert account.arns() == []
    answer = account.ecs.get_task_protection(cluster=CLUSTER, tasks=[kept])
    assert answer["protectedTasks"] == []
    assert answer["failures"][0]["reason"] == "TASK_NOT_VALID"


def test_tags_of_tasks_can_be_changed(account: Account) -> None:
    account.register()
    account.create(tags=[{"key": "a", "value": "1"}], propagateTags="SERVICE")
    (arn,) = account.arns()

    account.ecs.tag_resource(resourceArn=arn, tags=[{"key": "b", "value": "2"}])
    account.ecs.untag_resource(resourceArn=arn, tagKeys=["a"])

    assert account.tasks()[0]["tags"] == [{"key": "b", "value": "2"}]
    listed = account.ecs.list_tags_for_resource(resourceArn=account.service()["serviceArn"])
    assert listed["tags"] == [{"key": "a", "value": "1"}]


def test_a_task_of_its_own_runs_once(account: Account) -> None:
    definition = account.register()
    (task,) = account.ecs.run_task(
        cluster=CLUSTER,
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration=account.network,
        startedBy="a test",
    )["tasks"]
    assert task["group"] == "family:agent-x"

    account.ecs.get_waiter("tasks_running").wait(
        cluster=CLUSTER, tasks=[task["taskArn"]], WaiterConfig={"Delay": 0.05, "MaxAttempts": 100}
    )

    listed = account.ecs.list_tasks(cluster=CLUSTER, startedBy="a test")
    assert listed["taskArns"] == [task["taskArn"]]
    account.aws.kill(task["taskArn"], 15)
    account.ecs.get_waiter("tasks_stopped").wait(
        cluster=CLUSTER, tasks=[task["taskArn"]], WaiterConfig={"Delay": 0.05, "MaxAttempts": 100}
    )
    (ended,) = account.describe([task["taskArn"]])
    assert ended["containers"][0]["exitCode"] == 0
    assert account.ecs.list_tasks(cluster=CLUSTER)["taskArns"] == []


def test_controls_refuse_what_they_do_not_know(account: Account) -> None:
    for name, asked in [
        ("behaviour", {"family": "x", "boot": "sideways"}),
        ("behaviour", {"boot": "fail"}),
        ("settings", {"second": 1}),
        ("settings", {"victims": "strangest"}),
        ("limits", {"tasks": 1}),
        ("kill", {"task": "nobody"}),
        ("nothing", {}),
    ]:
        with pytest.raises(ValueError, match="error"):
            account.aws.control(name, **asked)
