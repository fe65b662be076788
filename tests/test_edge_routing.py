"""What the edge says about its routes, and that it needs nobody to keep to them."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devtool.pac import Pac, request, wait_until
from pixell_testing.edge import write_snapshot
from pixell_testing.packages import versioned
from pixell_testing.stack import put

APP = "routed"
VERSION = f"/agents/{APP}/api/version"
BACK_DEADLINE_S = 30


@pytest.fixture(scope="module")
def routed(own_pac: Pac) -> Pac:
    """A platform with the app of these tests."""
    own_pac.deploy_and_wait(APP, put(own_pac, "routed.apkg", versioned("1")))
    return own_pac


def explain(pac: Pac, url: str, **headers: str) -> dict[str, Any]:
    """What the edge says about a request."""
    fields = "".join(f"&header={name}:{value}" for name, value in headers.items())
    reply = pac.get(f"/v1/edge/explain?url={url}{fields}")
    assert reply.status == 200, reply.text
    return reply.json()


@pytest.fixture
def edge_alone(routed: Pac) -> Iterator[Callable[[dict], None]]:
    """Stops control; the function starts the edge anew from a snapshot of the test's."""
    control = routed.role("control")
    assert control is not None
    control.send(signal.SIGSTOP)

    def serve(snapshot: dict) -> None:
        edge = routed.role("edge")
        assert edge is not None
        write_snapshot(routed.state / "edge" / "routes", snapshot)
        edge.send(signal.SIGKILL)
        assert edge.wait_end(10)

        def is_served() -> bool:
            try:
                return explain(routed, VERSION)["generation"] == snapshot["generation"]
            except OSError:
                return False

        wait_until("the edge serves the snapshot", is_served, BACK_DEADLINE_S)

    yield serve
    control.send(signal.SIGCONT)
    wait_until("the API answers", routed.is_healthy, BACK_DEADLINE_S)


def read_snapshot(path: Path) -> dict:
    """The routes that the edge keeps on disk."""
    return json.loads(path.read_text().partition("\n")[2])


def test_the_edge_explains_where_a_request_goes(routed: Pac) -> None:
    reply = routed.get(VERSION)

    explained = explain(routed, f"http://anywhere{VERSION}")

    assert explained["goes_to"] == "agent"
    assert explained["source"] == "control"
    assert explained["app_id"] == APP
    assert str(explained["chosen_revision"]) == reply.headers["x-pixell-revision"]
    assert explained["upstream_target"] == VERSION
    assert explain(routed, "/agents/nobody/x")["status"] == 404
    assert routed.get("/v1/edge/explain").status == 400


def test_foreign_names_are_told_nothing(routed: Pac) -> None:
    path = f"/v1/edge/explain?url={VERSION}"

    reply = request(routed.url, "GET", path, headers={"Host": "rebound.example.org"})

    assert reply.status == 404


def test_the_edge_alone_keeps_tags_weights_and_clients(
    routed: Pac, edge_alone: Callable[[dict], None]
) -> None:
    snapshot = read_snapshot(routed.state / "edge" / "routes")
    (route,) = [each for each in snapshot["routes"] if each["app_id"] == APP]
    addresses = route["legs"][0]["addresses"]
    # One instance plays three revisions: the header of the reply tells which one was meant.
    route["legs"] = [
        {"revision": revision, "weight_permille": weight, "tag": tag, "addresses": addresses}
        for revision, weight, tag in ((101, 500, ""), (102, 500, ""), (103, 0, "next"))
    ]
    route["sticky"] = {"by": "cookie", "name": ""}
    snapshot["generation"] += 1000

    edge_alone(snapshot)

    tagged = routed.get(VERSION.replace(APP, f"{APP}@next"))
    assert (tagged.status, tagged.headers["x-pixell-revision"]) == (200, "103")
    first = routed.get(VERSION)
    assert first.status == 200
    cookie, *attributes = first.headers["set-cookie"].split("; ")
    assert attributes == [f"Path=/agents/{APP}", "HttpOnly", "SameSite=Lax"]
    for _ in range(20):
        again = routed.get(VERSION, headers={"Cookie": cookie})
        assert again.headers["x-pixell-revision"] == first.headers["x-pixell-revision"]
        assert "set-cookie" not in again.headers
    diced = {routed.get(VERSION).headers["x-pixell-revision"] for _ in range(60)}
    assert diced == {"101", "102"}
    explained = explain(routed, VERSION, cookie=cookie.replace("=", "%3D"))
    assert explained["source"] == "snapshot_file"
    assert explained["picked_by"] == "sticky_cookie"
    assert str(explained["chosen_revision"]) == first.headers["x-pixell-revision"]
