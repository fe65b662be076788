"""Events and logs as they happen, through the edge; and keys that outlive control."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from devtool.pac import Pac, wait_until
from pixell_testing.packages import EXAMPLE, build
from pixell_testing.stack import put

APP = "streamed"
DEADLINE_S = 60
MOST_WAITING = 32


@pytest.fixture(scope="module")
def streamed(own_pac: Pac) -> Pac:
    """A platform with one agent."""
    own_pac.deploy_and_wait(APP, put(own_pac, "streamed.apkg", build(EXAMPLE)))
    return own_pac


def lines(response: httpx.Response) -> Iterator[str]:
    """The lines of a streamed answer, as they come."""
    assert response.status_code == 200
    return response.iter_lines()


def stream(pac: Pac, path: str, **headers: str):
    """A GET whose answer comes piece by piece."""
    return httpx.stream("GET", pac.url + path, headers=headers, timeout=DEADLINE_S)


def server_sent(response: httpx.Response) -> Iterator[dict]:
    """The events of a stream: what their data says."""
    for line in lines(response):
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_events_are_streamed_as_they_happen(streamed: Pac) -> None:
    last = streamed.get(f"/v1/events?app={APP}&limit=1000").json()["last_sequence"]
    path = f"/v1/watch?app={APP}&after={last}"

    with stream(streamed, path, Accept="text/event-stream") as response:
        assert response.headers["content-type"] == "text/event-stream"
        patched = httpx.patch(f"{streamed.url}/v1/apps/{APP}", json={"warm_seconds": 7})
        first = next(server_sent(response))

    assert patched.status_code == 200
    assert first["kind"] == "app_changed"
    assert first["sequence"] > last
    followed = streamed.get(f"/v1/watch?app={APP}&after={last}&timeout_ms=30000").json()
    assert followed["events"][0] == first


def test_a_stream_goes_on_behind_the_last_event(streamed: Pac) -> None:
    events = streamed.get("/v1/events?limit=2").json()["events"]
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(events[0]["sequence"])}

    with stream(streamed, "/v1/watch", **headers) as response:
        assert next(server_sent(response)) == events[1]


def test_a_log_is_followed_to_the_instances_end(streamed: Pac) -> None:
    (instance,) = streamed.live_instances(APP)
    read = streamed.get(f"/v1/instances/{instance}/logs?bytes=1000")
    assert read.headers["x-log-next"].isdecimal()

    with (
        stream(streamed, f"/v1/instances/{instance}/logs?follow=true") as own,
        stream(streamed, f"/v1/apps/{APP}/logs?follow=true&since=1h") as merged,
    ):
        own_lines, merged_lines = lines(own), lines(merged)
        assert json.loads(next(own_lines))["timestamp"]
        assert json.loads(next(merged_lines))["instance"] == instance
        streamed.deploy_and_wait(APP, put(streamed, "next.apkg", build(EXAMPLE, {"n.txt": "2"})))
        httpx.patch(f"{streamed.url}/v1/apps/{APP}", json={"warm_revisions": 0}).raise_for_status()
        rest = list(own_lines)
        others = next(line for line in merged_lines if json.loads(line)["instance"] != instance)

    assert rest, "it ends by itself when the instance has ended"
    assert json.loads(others)["revision"] == 2


def test_followers_leave_threads_for_the_others(streamed: Pac) -> None:
    def follow(_: int) -> int:
        return streamed.get("/v1/watch?after=1000000&timeout_ms=2000", timeout_s=30).status

    def ask_together() -> list[int]:
        with ThreadPoolExecutor(MOST_WAITING + 8) as threads:
            asked = [threads.submit(follow, number) for number in range(MOST_WAITING + 8)]
            assert streamed.get("/v1/apps", timeout_s=10).status == 200
            return [each.result() for each in asked]

    # Those who have just gone may still be there the first time; every place is given back.
    assert set(ask_together()) <= {200, 503}
    assert ask_together().count(200) >= MOST_WAITING


def test_a_key_outlives_control(streamed: Pac) -> None:
    url = put(streamed, "once.apkg", build(EXAMPLE)).resolve().as_uri()
    path = f"/v1/apps/{APP}/deployments"
    headers = {"Idempotency-Key": "once"}

    first = streamed.post(path, {"package_url": url}, headers=headers)
    role = streamed.role("control")
    assert role is not None
    role.send(signal.SIGKILL)
    wait_until("control is back", lambda: streamed.role("control") not in (None, role), 20)
    wait_until("the API answers", streamed.is_healthy, 20)
    again = streamed.post(path, {"package_url": url}, headers=headers)

    assert first.status == 202, first.text
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["location"] == first.headers["location"]
    assert streamed.wait_deployment(first.json()["deployment"]["id"])["status"] == "completed"
