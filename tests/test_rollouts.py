"""Rollouts: each strategy under load, what makes one back out, and the words of its operator. No
request fails because of one, and what it takes back is as it was, to the byte."""

from __future__ import annotations

import datetime
import json
import signal
from collections.abc import Iterator

import pytest

from conftest import run_platform
from devtool import processes
from devtool.load import Load
from devtool.pac import Pac, wait_until
from pixell_testing.rollouts import FOR_EVER_S, MovedApp, canary, within

REQUESTS = 400
PAUSE_S = 0.02
# A stage that is left by a command only, with half of the requests.
HALF = (500, FOR_EVER_S)


@pytest.fixture(scope="module")
def platform(scratch) -> Iterator[Pac]:
    yield from run_platform(scratch / "rollouts")


@pytest.fixture(scope="module")
def app(platform: Pac) -> MovedApp:
    """The app of these tests, with two revisions between which its traffic may be split."""
    app = MovedApp(platform, "moved")
    app.complete(app.deploy(app.package("a")))
    app.settings(warm_seconds=0)
    app.complete(app.deploy(app.package("b")))
    return app


@pytest.fixture
def served(app: MovedApp) -> int:
    """The revision that has all the traffic at the beginning of a test."""
    leading = app.leading()
    assert app.split((leading, 1000)).status == 200
    app.wait_routed(leading)
    app.wait_instances(1)
    return leading


@pytest.fixture
def divided(app: MovedApp) -> str:
    """The traffic at the beginning of a test: split by hand, with tags."""
    older, newer = 1, 2
    assert app.split((older, 700, "stable"), (newer, 300), (newer, 0, "next")).status == 200
    app.wait_routed(older, 700)
    app.wait_instances(1, older)
    app.wait_instances(1, newer)
    return app.traffic()


def load(app: MovedApp, *paths: str) -> Load:
    """Light load on the app, half of it slow enough to be under way at every change."""
    return Load(app.pac, paths or (app.version, f"{app.version}?delay_ms=200"), pause_s=PAUSE_S)


def versions(load: Load) -> set[str]:
    return {answer["version"] for answer in load.answers}


def wait_restored(app: MovedApp, before: str) -> None:
    """Waits until what serves is as it was, and only that runs."""
    wait_until("the traffic is as it was", lambda: app.traffic() == before, 60)


# ------------------------------------------------------------------------------------ strategies


def test_rolling_with_three_instances(app: MovedApp, served: int) -> None:
    app.settings(instances=3)
    try:
        old = app.wait_instances(3, served)
        with load(app) as requests:
            end = app.complete(app.deploy(app.package("rolled")))
            new = app.wait_instances(3, end["revision"])
            app.wait_instances(3)  # the old ones have ended
        assert requests.failures == []
        assert not old.keys() & new.keys()
        assert len({answer["pid"] for answer in requests.answers}) >= 2
        assert "rolled" in versions(requests)
    finally:
        app.settings(instances=1)
    with load(app) as requests:
        app.wait_instances(1)
    assert requests.failures == []


def test_a_canary_gets_its_share_and_in_the_end_everything(app: MovedApp, served: int) -> None:
    with load(app) as requests:
        deployment = app.deploy(app.package("c"), strategy=canary((250, FOR_EVER_S)))
        stage = app.stage_of(deployment, 0)
        revision = stage["revision"]
        app.wait_routed(revision, 250)

        answered = app.share(REQUESTS)
        candidates = app.share(20, path=app.at("candidate"))

        app.command(deployment, "promote")
        app.complete(deployment)
        app.wait_instances(1)

    assert requests.failures == []
    assert set(answered) == {served, revision}
    assert within(answered[revision], REQUESTS, 250), answered
    assert candidates == {revision: 20}
    assert (stage["rollout"]["weight_permille"], stage["rollout"]["stages"]) == (250, 1)
    assert app.share(20) == {revision: 20}
    assert app.pac.get(app.at("candidate")).status == 404


def test_a_canary_goes_through_its_stages_by_itself(app: MovedApp, served: int) -> None:
    seen = set()
    with load(app) as requests:
        deployment = app.deploy(app.package("d"), strategy=canary((100, 1), (600, 2)))

        def ended() -> bool:
            now = app.deployment(deployment)
            seen.add(now["rollout"].get("stage", -1))
            return now["state"] == "completed"

        wait_until("the canary is through", ended, 120)
    end = app.deployment(deployment)

    assert requests.failures == []
    assert {0, 1} <= seen
    assert moment(end["completed_at"]) - moment(end["created_at"]) >= datetime.timedelta(seconds=3)
    assert app.leading() == end["revision"]


def test_blue_green_bakes_and_completes(app: MovedApp, served: int) -> None:
    with load(app) as requests:
        strategy = {"type": "blue_green", "bake_seconds": 1}
        end = app.complete(app.deploy(app.package("e"), strategy=strategy))
        app.wait_instances(1)

    assert requests.failures == []
    assert end["rollout"]["stage"] == 0
    assert app.share(20) == {end["revision"]: 20}


def test_blue_green_gives_everything_back_while_it_bakes(app: MovedApp, divided: str) -> None:
    with load(app) as requests:
        strategy = {"type": "blue_green", "bake_seconds": FOR_EVER_S}
        deployment = app.deploy(app.package("f"), strategy=strategy)
        revision = app.stage_of(deployment, 0)["revision"]
        assert app.share(20) == {revision: 20}

        rolled_back = app.roll_back()  # an open rollout is aborted
        end = app.end_of(deployment)
        wait_restored(app, divided)

    assert requests.failures == []
    assert rolled_back == deployment
    assert (end["state"], end["failure"]["cause"]) == ("rolled_back", "aborted")


# -------------------------------------------------------------------------------------- back-out


@pytest.mark.parametrize(
    ("options", "limits", "said"),
    [
        ({"fail_every": 2}, {"max_error_permille": 100}, "requests to the new revision failed"),
        ({"delay_ms": 300}, {"max_p95_ms": 150}, "ms for 95 of 100 requests"),
    ],
    ids=["errors", "latency"],
)
def test_a_canary_backs_out_by_its_numbers(
    app: MovedApp, divided: str, options: dict, limits: dict, said: str
) -> None:
    package = app.package(next(iter(options)), **options)

    deployment = app.deploy(package, strategy=canary(HALF, min_requests=20, **limits))
    with load(app, app.version) as requests:
        end = app.end_of(deployment)
        wait_restored(app, divided)

    failure = end["failure"]
    assert (end["state"], failure["cause"]) == ("rolled_back", "unhealthy")
    assert said in failure["message"]
    assert failure["evidence"]
    assert failure["remedy"]
    # What failed is what the agent answered: nothing was lost on the way.
    assert {failed.partition("OSError: ")[2][:3] for failed in requests.failures} <= {"500"}
    shown = app.pac.get(f"/api/deployments/{deployment}").json()["deployment"]
    assert shown["status"] == "failed"


def test_a_canary_backs_out_when_its_instance_is_killed(app: MovedApp, divided: str) -> None:
    deployment = app.deploy(app.package("killed"), strategy=canary(HALF))
    revision = app.stage_of(deployment, 0)["revision"]
    ((name, instance),) = app.instances(revision).items()

    kill(instance["pid"])
    end = app.end_of(deployment)
    wait_restored(app, divided)

    assert (end["state"], end["failure"]["cause"]) == ("rolled_back", "signalled")
    assert end["failure"]["message"]
    wait_until("its instances have ended", lambda: not app.instances(revision), 60)
    assert name not in app.instances()
    with load(app) as requests:
        wait_until("requests are answered", lambda: len(requests.answers) > 20, 60)
    assert requests.failures == []


def kill(pid: int) -> None:
    process = processes.find(pid)
    assert process is not None
    process.send(signal.SIGKILL)


# ------------------------------------------------------------------------------ operators' words


def test_pause_holds_and_resume_goes_on(app: MovedApp, served: int) -> None:
    with load(app) as requests:
        deployment = app.deploy(app.package("g"), strategy=canary((200, FOR_EVER_S), (500, 0)))
        revision = app.stage_of(deployment, 0)["revision"]
        held = app.command(deployment, "pause")["rollout"]
        assert held["paused"]
        paused = [app.deployment(deployment)["rollout"]["held_seconds"] for _ in range(2)]
        assert paused[0] == paused[1]
        app.wait_routed(revision, 200)

        # What is promoted while it is paused goes on when it is resumed.
        resumed = app.command(deployment, "resume")["rollout"]
        assert not resumed["paused"]
        goes_on = app.deployment(deployment)["rollout"]["held_seconds"]
        wait_until(
            "its time goes on",
            lambda: app.deployment(deployment)["rollout"]["held_seconds"] > goes_on,
            30,
        )
        app.command(deployment, "promote")
        app.complete(deployment)

    assert requests.failures == []
    assert app.leading() == revision


def test_abort_gives_the_traffic_back(app: MovedApp, divided: str) -> None:
    with load(app) as requests:
        deployment = app.deploy(app.package("h"), strategy=canary(HALF))
        app.stage_of(deployment, 0)
        assert app.traffic() != divided
        app.command(deployment, "abort")
        end = app.end_of(deployment)
        wait_restored(app, divided)
        app.wait_instances(2)  # the candidate has ended

    assert requests.failures == []
    assert (end["state"], end["failure"]["cause"]) == ("rolled_back", "aborted")
    again = app.pac.post(f"/v1/deployments/{deployment}/promote", {})
    assert again.status == 409


def test_a_newer_deployment_supersedes(app: MovedApp, served: int) -> None:
    with load(app) as requests:
        first = app.deploy(app.package("i"), strategy=canary(HALF))
        app.stage_of(first, 0)
        newest = app.deploy(app.package("j"))
        ends = app.end_of(first), app.complete(newest)
        app.wait_instances(1)

    assert requests.failures == []
    assert ends[0]["failure"]["cause"] == "superseded"
    assert newest in ends[0]["failure"]["message"]
    assert app.share(20) == {ends[1]["revision"]: 20}


def test_the_deadline_ends_a_paused_rollout(app: MovedApp, divided: str) -> None:
    with load(app) as requests:
        strategy = canary((500, 10))
        deployment = app.deploy(app.package("k"), strategy=strategy, deadline_seconds=12)
        app.stage_of(deployment, 0)
        app.command(deployment, "pause")
        end = app.end_of(deployment)
        wait_restored(app, divided)

    assert requests.failures == []
    assert (end["state"], end["failure"]["cause"]) == ("rolled_back", "deadline_exceeded")
    assert "its rollout was paused" in end["failure"]["evidence"]
    assert moment(end["completed_at"]) >= moment(end["deadline"])


def test_what_is_told_of_it(app: MovedApp) -> None:
    """Every end that the tests before brought about is in the history."""
    events = app.pac.get(f"/v1/events?app={app.name}&limit=1000").json()["events"]
    states = {json.dumps(event["detail"]) for event in events}

    for state in ("completed", "rolled_back"):
        assert any(state in text for text in states), state


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
