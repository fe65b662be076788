"""Traffic that people move: splits, tags, pins, clients that stick, rollback, scale and deletion.
No request fails because of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import run_platform
from devtool import processes
from devtool.load import Load
from devtool.pac import Pac, request, wait_until
from pixell_testing.clients import agent_of
from pixell_testing.rollouts import DEADLINE_S, MovedApp, canary, plain, within
from pixell_testing.stack import put

REQUESTS = 400
PAUSE_S = 0.02
REVISION = "x-pixell-revision"


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[Pac]:
    yield from run_platform(scratch / "traffic")


@pytest.fixture(scope="module")
def app(platform: Pac) -> MovedApp:
    """The app of these tests, with two revisions."""
    app = MovedApp(platform, "split")
    app.complete(app.deploy(app.package("a")))
    app.settings(warm_seconds=0)
    app.complete(app.deploy(app.package("b")))
    return app


def load(app: MovedApp) -> Load:
    return Load(app.pac, [app.version, f"{app.version}?delay_ms=200"], pause_s=PAUSE_S)


# ---------------------------------------------------------------------------------------- splits


def test_a_split_by_hand_is_conditional_and_kept(app: MovedApp) -> None:
    etag = app.pac.get(f"{app.url}/traffic").headers["etag"]
    with load(app) as requests:
        first = app.split((1, 250), (2, 750), etag=etag)
        late = app.split((1, 1000), etag=etag)
        app.wait_routed(1, 250)
        app.wait_routed(2, 750)
        answered = app.share(REQUESTS)

    assert (first.status, late.status) == (200, 412)
    assert requests.failures == []
    assert set(answered) == {1, 2}
    assert within(answered[1], REQUESTS, 250), answered
    assert app.split((1, 400), (2, 700)).status == 400
    assert app.split((1, 400), (99, 600)).status == 400


def test_clients_stick_by_header(app: MovedApp) -> None:
    app.split((1, 500), (2, 500), sticky={"by": "header", "name": "X-Client"})
    app.wait_routed(1, 500)

    def revision_for(client: int) -> int:
        return app.revision_of(headers={"X-Client": f"client-{client}"})

    before = [revision_for(client) for client in range(60)]
    again = [revision_for(client) for client in range(60)]
    app.split((1, 700), (2, 300), sticky={"by": "header", "name": "X-Client"})
    app.wait_routed(1, 700)
    after = [revision_for(client) for client in range(60)]

    assert before == again
    assert set(before) == {1, 2}
    # The first revision's share grew: nobody who had it lost it.
    assert all(now == 1 for then, now in zip(before, after) if then == 1)
    assert before.count(1) <= after.count(1)


def test_clients_stick_by_cookie(app: MovedApp) -> None:
    app.split((1, 500), (2, 500), sticky={"by": "cookie", "name": "leg"})
    app.wait_routed(1, 500)

    first = app.pac.get(app.version)
    cookie = first.headers["set-cookie"].partition(";")[0]
    assert cookie.startswith("leg=")
    assert app.share(20, headers={"Cookie": cookie}) == {int(first.headers[REVISION]): 20}
    assert set(app.share(60)) == {1, 2}


def test_a_deployment_leaves_pinned_traffic_alone(app: MovedApp) -> None:
    app.split((1, 0, "old"), (2, 1000), pinned=True)
    app.wait_routed(2)
    before = app.traffic()

    end = app.complete(app.deploy(app.package("pinned")))

    assert app.traffic() == before
    assert app.share(20) == {2: 20}
    assert end["revision"] > 2
    assert app.split((2, 1000)).status == 200


def test_without_traffic_a_revision_is_reached_by_its_tag(app: MovedApp) -> None:
    app.split((2, 1000))
    app.wait_routed(2)

    end = app.complete(app.deploy(app.package("tagged"), no_traffic=True, tag="next"))

    assert app.share(20) == {2: 20}
    assert app.share(20, path=app.at("next")) == {end["revision"]: 20}
    assert app.pac.get(app.at("next")).json()["version"] == "tagged"
    assert app.pac.get(app.at("other")).status == 404
    app.split((end["revision"], 1000))
    app.wait_routed(end["revision"])


# -------------------------------------------------------------------------------------- rollback


def test_rollback_to_a_revision_that_still_runs(app: MovedApp) -> None:
    app.settings(warm_revisions=1, warm_seconds=600)
    former = app.complete(app.deploy(app.package("former")))["revision"]
    ((name, kept),) = app.wait_instances(1, former).items()
    present = app.complete(app.deploy(app.package("present")))["revision"]

    with load(app) as requests:
        end = app.complete(app.roll_back())
    answer = app.pac.get(app.version)

    assert requests.failures == []
    assert end["kind"] == "rollback"
    assert int(answer.headers[REVISION]) == former == end["revision"]
    assert app.instances(former)[name]["pid"] == kept["pid"]
    assert list(app.instances(present)), "the one before stays warm in turn"


def test_rollback_to_a_revision_that_has_gone(app: MovedApp) -> None:
    former = app.leading()
    app.settings(warm_seconds=0)
    (before,) = app.wait_instances(1, former).values()
    app.complete(app.deploy(app.package("passing")))
    app.wait_instances(0, former)
    gone = processes.find(before["pid"])

    with load(app) as requests:
        end = app.complete(app.roll_back(former))
        app.wait_instances(1)

    assert requests.failures == []
    assert gone is None or gone.wait_end(10)
    (after,) = app.instances(former).values()
    assert after["id"] != before["id"]
    assert app.share(20) == {end["revision"]: 20} == {former: 20}


# -------------------------------------------------------------------------------- scale, deletion


def answering(requests: Load) -> int:
    """How many processes gave the latest answers."""
    return len({answer["pid"] for answer in requests.answers[-100:]})


def test_scale_up_and_down_under_load(app: MovedApp) -> None:
    leading = app.leading()
    with load(app) as requests:
        for count in (3, 2, 4, 1):
            app.settings(instances=count)
            app.wait_instances(count, leading)
            wait_until("each of them answers", lambda n=count: answering(requests) >= n, DEADLINE_S)
    (left,) = app.instances().values()

    assert requests.failures == []
    assert left["phase"] == "ready"


def test_a_deleted_app_is_gone_and_its_neighbour_is_not(platform: Pac, app: MovedApp) -> None:
    doomed = MovedApp(platform, "doomed")
    doomed.complete(doomed.deploy(doomed.package("1")))
    open_rollout = doomed.deploy(doomed.package("2"), strategy=canary((500, 600)))
    doomed.stage_of(open_rollout, 0)
    files = [package_file(platform, digest) for digest in digests(doomed)]
    pids = [processes.find(each["pid"]) for each in doomed.instances().values()]
    assert all(file.exists() for file in files)

    with load(app) as requests:
        reply = request(platform.url, "DELETE", doomed.url)
        wait_until("it is gone", lambda: platform.get(doomed.url).status == 404, DEADLINE_S)

    assert reply.status == 202
    assert requests.failures == []
    assert platform.get(doomed.version).status == 404
    assert platform.get(f"/v1/deployments/{open_rollout}").status == 404
    assert doomed.name not in [each["id"] for each in platform.get("/v1/apps").json()["apps"]]
    assert platform.get(f"/v1/instances?app={doomed.name}").json().get("instances", []) == []
    assert not any(file.exists() for file in files)
    assert all(process is None or process.wait_end(10) for process in pids)
    events = platform.get(f"/v1/events?app={doomed.name}&limit=1000").json()["events"]
    assert events[-1]["kind"] == "app_removed"
    # Its name is free again.
    doomed.complete(doomed.deploy(doomed.package("3")))
    assert platform.get(doomed.version).json()["version"] == "3"


def digests(app: MovedApp) -> list[str]:
    packages = app.pac.get(f"{app.url}/packages").json()["packages"]
    return [each["sha256"] for each in packages]


def package_file(pac: Pac, digest: str) -> Path:
    """The file of a package in the platform's own store."""
    (found,) = [path for path in (pac.state / "packages").rglob("*") if digest in path.name]
    return found


# --------------------------------------------------------------------------------------- replies


def test_every_reply_of_an_agent_names_its_revision(platform: Pac) -> None:
    app = MovedApp(platform, "named")
    package = put(platform, "named.apkg", plain("n", fail_every=2, has_grpc=True))
    number = app.complete(app.deploy(package))["revision"]
    call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "x"})
    base = f"/agents/{app.name}"

    replies = [platform.get(app.version) for _ in range(2)]
    replies += [
        platform.get(f"{base}/no/such/path"),
        platform.get(f"{base}/health"),
        platform.get(f"{base}/api/events?count=2&pause_s=0"),
        platform.post(f"{base}/a2a", call),
        request(platform.url, "HEAD", f"{base}/health"),
        request(platform.url, "OPTIONS", f"{base}/api", headers={"Origin": "https://a.example"}),
    ]

    assert sorted(reply.status for reply in replies[:2]) == [200, 500]
    assert {reply.headers.get(REVISION) for reply in replies} == {str(number)}
    assert agent_of(platform, app.name).call("Ping")["message"] == "pong"
