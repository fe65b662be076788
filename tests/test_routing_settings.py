"""How an app is reached beside its traffic: limits, other names, a mirror and a legacy target are
set, refused, kept, given to the edge, and gone with the app."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devtool.pac import Pac, Reply, free_port, request, wait_until
from pixell_testing.pac_cli import Cli, app_with_two_revisions
from pixell_testing.packages import versioned
from pixell_testing.stack import put

DEADLINE_S = 30
NOTHING: dict[str, Any] = {
    "limits": {
        "max_concurrent": 0,
        "requests_per_second": 0,
        "burst": 0,
        "max_body_bytes": 0,
        "timeouts": {"rest_ms": 0, "a2a_ms": 0, "ui_ms": 0, "idle_ms": 0},
    },
    "aliases": [],
    "hosts": [],
    "mirror": None,
    "legacy": None,
}
LEGACY = {"address": "127.0.0.1:9", "path_prefix": "/x", "weight_permille": 200}


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[Pac]:
    """One that starts no agents: what it plans and routes is what is tested."""
    pac = Pac(scratch / "routing" / "state", free_port(), engine="fake")
    pac.start()
    try:
        yield pac
        assert pac.stop() == 0, pac.log_tail()
    finally:
        pac.stop()
        pac.kill_all()


@pytest.fixture(scope="module")
def cli(platform: Pac) -> Cli:
    return Cli(platform)


@pytest.fixture(scope="module")
def app(cli: Cli) -> str:
    """An app whose second revision serves."""
    return app_with_two_revisions(cli, "routed")


def put_routing(pac: Pac, app: str, routing: Any, **headers: str) -> Reply:
    return request(
        pac.url, "PUT", f"/v1/apps/{app}/routing", body=json.dumps(routing), headers=headers
    )


def routing_of(pac: Pac, app: str) -> dict[str, Any]:
    reply = pac.get(f"/v1/apps/{app}/routing")
    assert reply.status == 200, reply.text
    return reply.json()["routing"]


def with_defaults(**settings: Any) -> dict[str, Any]:
    return {**NOTHING, **settings}


def route_of(pac: Pac, app: str) -> dict[str, Any] | None:
    """The app's route as edges get it, none when it has none."""
    socket = httpx.HTTPTransport(uds=str(pac.state / "run" / "control.sock"))
    with httpx.Client(transport=socket, base_url="http://control", timeout=10) as client:
        routes = client.get("/internal/routes").json()["routes"]
    found = [route for route in routes if route["app_id"] == app]
    return found[0] if found else None


def wait_route(pac: Pac, app: str, **routing: Any) -> dict[str, Any]:
    """The app's route once these members of its routing are in force."""

    def found() -> dict[str, Any] | None:
        route = route_of(pac, app)
        is_so = route and all(route["routing"][name] == routing[name] for name in routing)
        return route if is_so else None

    return wait_until(f"{app} is routed with {routing}", found, DEADLINE_S)


def applied_generation(pac: Pac, app: str) -> int:
    """The generation of the routes that the edge has in force."""
    return pac.get(f"/v1/edge/explain?url=/agents/{app}/").json()["generation"]


def test_what_is_set_is_read_back_and_given_to_the_edges(platform: Pac, app: str) -> None:
    wanted = {
        "limits": {"max_concurrent": 100, "requests_per_second": 20, "timeouts": {"ui_ms": 10_000}},
        "aliases": ["old-routed", "r.1"],
        "hosts": ["routed.example.com"],
        "legacy": LEGACY,
    }
    before = applied_generation(platform, app)

    reply = put_routing(platform, app, wanted)

    assert reply.status == 200, reply.text
    shown = routing_of(platform, app)
    assert reply.json()["routing"] == shown
    assert shown["limits"]["timeouts"] == {**NOTHING["limits"]["timeouts"], "ui_ms": 10_000}
    assert shown["aliases"] == ["old-routed", "r.1"]
    route = wait_route(platform, app, **shown)
    assert [leg["revision"] for leg in route["legs"]] == [2]
    wait_until(
        "the edge has it in force", lambda: applied_generation(platform, app) > before, DEADLINE_S
    )
    # PUT replaces the whole.
    assert put_routing(platform, app, {}).status == 200
    assert routing_of(platform, app) == NOTHING
    wait_route(platform, app, **NOTHING)
    events = platform.get(f"/v1/events?app={app}&limit=1000").json()["events"]
    told = [event["detail"]["routing"] for event in events if "routing" in event["detail"]]
    assert told == [shown, NOTHING]


def test_a_write_is_conditional(platform: Pac, app: str) -> None:
    etag = platform.get(f"/v1/apps/{app}/routing").headers["etag"]

    first = put_routing(platform, app, {"aliases": ["first"]}, **{"If-Match": etag})
    late = put_routing(platform, app, {"aliases": ["late"]}, **{"If-Match": etag})
    only_new = put_routing(platform, app, {}, **{"If-None-Match": "*"})

    assert (first.status, late.status, only_new.status) == (200, 412, 412)
    assert routing_of(platform, app)["aliases"] == ["first"]


def test_everything_that_is_wrong_is_told_with_its_place(platform: Pac, app: str) -> None:
    before = routing_of(platform, app)

    reply = put_routing(
        platform,
        app,
        {
            "limits": {"burst": -1},
            "aliases": [7],
            "mirror": {"revision": 0, "permille": 1},
            "legacy": {"address": "legacy.example:80"},
            "colour": "blue",
        },
    )

    assert reply.status == 400
    assert [error["pointer"] for error in reply.json()["errors"]] == [
        "/limits/burst",
        "/aliases/0",
        "/mirror/revision",
        "/legacy/address",
        "/colour",
    ]
    assert routing_of(platform, app) == before


def test_no_name_leads_to_two_apps(platform: Pac, app: str, cli: Cli) -> None:
    put_routing(platform, app, {"aliases": ["taken"], "hosts": ["taken.example"]})
    app_with_two_revisions(cli, "neighbour")
    short_id = platform.app(app)["app"]["short_id"]

    for alias in ("taken", app, short_id):
        reply = put_routing(platform, "neighbour", {"aliases": [alias]})
        assert reply.status == 409, (alias, reply.text)
        assert f"of app '{app}'" in reply.json()["detail"]
    host = put_routing(platform, "neighbour", {"hosts": ["taken.example"]})
    assert (host.status, f"a host of app '{app}'" in host.text) == (409, True)
    package = put(platform, "taken.apkg", versioned("1.0.0"))
    ran = cli("deploy", package, "--app", "taken", "--wait", code=5)
    assert f"'taken' is an alias of app '{app}'" in ran.stderr
    assert routing_of(platform, "neighbour") == NOTHING
    # The hosts of the API stay its own.
    assert put_routing(platform, app, {"hosts": ["localhost"]}).status == 400


def test_a_mirror_goes_with_the_leg_of_its_revision(platform: Pac, app: str, cli: Cli) -> None:
    refused = cli("routing", app, "--mirror", "1=10%", code=1)
    assert f"pac traffic {app} --tag mirror=1" in refused.stderr
    cli("traffic", app, "--tag", "mirror=1")
    cli("routing", app, "--mirror", "1=10%")
    mirror = {"revision": 1, "permille": 100, "max_body_bytes": 65_536}
    route = wait_route(platform, app, mirror=mirror)
    assert ["mirror", 1] in [[leg["tag"], leg["revision"]] for leg in route["legs"]]

    cli("traffic", app, "--untag", "mirror")

    assert routing_of(platform, app)["mirror"] is None
    wait_route(platform, app, mirror=None)


def test_a_legacy_service_is_routed_before_the_first_deployment(platform: Pac, cli: Cli) -> None:
    cli("routing", "moving", "--rps", "5", code=3)
    created = put_routing(platform, "moving", {"legacy": LEGACY, "aliases": ["moved"]})

    assert created.status == 201
    assert created.headers["location"] == "/v1/apps/moving"
    everything = {**LEGACY, "weight_permille": 1000}
    route = wait_route(platform, "moving", legacy=everything, aliases=["moved"])
    assert route["legs"] == []

    # Its share counts from the first completed deployment on.
    package = put(platform, "moving.apkg", versioned("1.0.0"))
    cli("deploy", package, "--app", "moving", "--wait")
    route = wait_route(platform, "moving", legacy=LEGACY, aliases=["moved"])
    assert [leg["weight_permille"] for leg in route["legs"]] == [1000]


def test_names_go_with_their_app(platform: Pac, app: str) -> None:
    created = put_routing(platform, "doomed", {"legacy": LEGACY, "aliases": ["freed"]})
    assert created.status == 201
    wait_route(platform, "doomed", aliases=["freed"])
    assert put_routing(platform, app, {"aliases": ["freed"]}).status == 409

    assert request(platform.url, "DELETE", "/v1/apps/doomed").status == 202
    wait_until("it is gone", lambda: platform.get("/v1/apps/doomed").status == 404, DEADLINE_S)

    assert route_of(platform, "doomed") is None
    assert put_routing(platform, app, {"aliases": ["freed", "doomed"]}).status == 200


def test_the_command_line_changes_what_it_names(platform: Pac, app: str, cli: Cli) -> None:
    put_routing(platform, app, {"limits": {"max_body_bytes": 7}, "hosts": ["a.example"]})

    def change(arguments: str) -> None:
        cli("routing", app, *arguments.split())

    change("--rps 20 --burst 40 --timeout rest=60s,idle=5m")
    change("--alias a1 --alias a2 --host b.example --no-host a.example")
    change("--legacy 127.0.0.1:9 --legacy-prefix /x --legacy-weight 20% --no-alias a1")

    limits = {
        "max_concurrent": 0,
        "requests_per_second": 20,
        "burst": 40,
        "max_body_bytes": 7,
        "timeouts": {"rest_ms": 60_000, "a2a_ms": 0, "ui_ms": 0, "idle_ms": 300_000},
    }
    wanted = with_defaults(limits=limits, aliases=["a2"], hosts=["b.example"], legacy=LEGACY)
    assert cli.json("routing", app)["routing"] == wanted == routing_of(platform, app)
    text = cli("routing", app).stdout
    assert "rate        20/s, burst 40\n" in text
    assert "legacy      20% to 127.0.0.1:9, prefix /x\n" in text
    change("--no-legacy --no-alias a2 --no-host b.example --rps 0 --max-body 0")
    change("--timeout rest=0,idle=0")
    assert routing_of(platform, app) == NOTHING
    cli("routing", app, "--no-alias", "a2", code=3)
    cli("routing", app, "--max-body", "10MB", code=105)


def test_settings_outlive_crashes_and_come_back_from_a_backup(
    platform: Pac, app: str, cli: Cli
) -> None:
    settings = {"limits": {**NOTHING["limits"], "max_concurrent": 9}, "aliases": ["kept"]}
    assert put_routing(platform, app, settings).status == 200
    wanted = with_defaults(**settings)
    wait_route(platform, app, **wanted)

    control = platform.role("control")
    control.send(signal.SIGKILL)
    assert control.wait_end(10)
    wait_until("control is back", platform.is_healthy, DEADLINE_S)
    assert routing_of(platform, app) == wanted
    wait_route(platform, app, **wanted)

    platform.crash()
    platform.start()
    assert routing_of(platform, app) == wanted
    wait_route(platform, app, **wanted)

    backup = platform.home / "routing.backup"
    cli("backup", "--state", platform.state, backup)
    assert put_routing(platform, app, {"aliases": ["newer"]}).status == 200
    assert platform.stop() == 0, platform.log_tail()
    cli("restore", "--force", "--state", platform.state, backup)
    platform.start()
    assert routing_of(platform, app) == wanted
    wait_route(platform, app, **wanted)
    assert put_routing(platform, "neighbour", {"aliases": ["kept"]}).status == 409
