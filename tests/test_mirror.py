"""A share of the requests goes to a second revision as well, and nobody notices."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from devtool.pac import request, wait_until
from pixell_testing.edge import HelloEdge, leg
from pixell_testing.upstream import Upstream, reply

COUNTED_DEADLINE_S = 20
MIRROR = {"mirror": {"revision": 2, "permille": 1000, "max_body_bytes": 1000}}


def ask(edge: HelloEdge, path: str, body: bytes = b"") -> Any:
    """A request to the app."""
    method = "POST" if body else "GET"
    target = f"/agents/hello{path}"
    return request(edge.url, method, target, body=body or None, timeout_s=COUNTED_DEADLINE_S)


def legs(original: Upstream, mirror_address: str) -> list[dict]:
    """All traffic to revision 1; revision 2 has only a tag."""
    return [leg(1, original.address), leg(2, mirror_address, 0, "shadow")]


def wait_for(edge: HelloEdge, **counts: Any) -> dict[str, Any]:
    """Waits until the edge counted that of its mirror."""
    seen: dict[str, Any] = {}

    def is_counted() -> bool:
        seen.update(edge.explain()["state"]["mirror"])
        return all(seen[name] == count for name, count in counts.items())

    wait_until(f"the edge counts {counts}, and not {seen}", is_counted, COUNTED_DEADLINE_S)
    return seen


def test_the_same_request_reaches_both(tmp_path: Path) -> None:
    """With its body, marked, and once; answers that agree are counted as the same."""
    with (
        Upstream(reply) as original,
        Upstream(reply) as mirror,
        HelloEdge(tmp_path, legs(original, mirror.address), MIRROR) as edge,
    ):
        assert ask(edge, "/api/one").status == 200
        assert ask(edge, "/api/two", b"payload").status == 200
        counted = wait_for(edge, same=2)
        assert counted["mirrored"] == 2
        assert counted["differs"] == {"status": 0, "body": 0}
        assert sorted(what for what, _, _ in mirror.seen) == sorted(
            what for what, _, _ in original.seen
        )
        assert {body for _, _, body in mirror.seen} == {b"", b"payload"}
        assert all(fields["x-pixell-mirror"] == "1" for _, fields, _ in mirror.seen)
        assert not any("x-pixell-mirror" in fields for _, fields, _ in original.seen)
        ids = [{fields["x-request-id"] for _, fields, _ in one.seen} for one in (original, mirror)]
        assert ids[0] == ids[1]


def test_differences_are_counted_and_logged(tmp_path: Path) -> None:
    """The line names both answers, but nothing of their bodies."""

    def other(handler: BaseHTTPRequestHandler) -> None:
        if handler.path.endswith("/broken"):
            reply(handler, b"ok", 500)
        else:
            reply(handler, b"secret-body")

    with (
        Upstream(reply) as original,
        Upstream(other) as mirror,
        HelloEdge(tmp_path, legs(original, mirror.address), MIRROR) as edge,
    ):
        assert ask(edge, "/api/x").body == b"ok"
        wait_for(edge, differs={"status": 0, "body": 1})
        assert ask(edge, "/api/broken").status == 200
        wait_for(edge, differs={"status": 1, "body": 1})
        lines = [line for line in edge.log_text().splitlines() if "answers differently" in line]
        assert lines
        line = json.loads(lines[0])
        assert (line["revision"], line["mirror_revision"]) == (1, 2)
        assert (line["bytes"], line["mirror_bytes"]) == (2, len(b"secret-body"))
        assert "secret-body" not in edge.log_text()


def test_long_bodies_are_not_copied(tmp_path: Path) -> None:
    """Over the cap of the setting a request goes to the original alone."""
    with (
        Upstream(reply) as original,
        Upstream(reply) as mirror,
        HelloEdge(tmp_path, legs(original, mirror.address), MIRROR) as edge,
    ):
        assert ask(edge, "/api/x", b"x" * 1001).status == 200
        counted = wait_for(edge, dropped=1)
        assert counted["mirrored"] == 0
        assert mirror.seen == []


def test_a_mirror_that_hangs_or_is_away_hurts_nobody(tmp_path: Path) -> None:
    """Originals are answered, however many copies hang; what is too many is dropped."""
    go = threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        go.wait(COUNTED_DEADLINE_S)
        reply(handler)

    with Upstream(reply) as original:
        with (
            Upstream(hang) as mirror,
            HelloEdge(tmp_path, legs(original, mirror.address), MIRROR) as edge,
        ):
            assert {ask(edge, "/api/x").status for _ in range(100)} == {200}
            wait_for(edge, dropped=100 - 64)
            go.set()
            wait_for(edge, same=64)
        (tmp_path / "b").mkdir()
        with HelloEdge(tmp_path / "b", legs(original, "127.0.0.1:1"), MIRROR) as edge:
            assert {ask(edge, "/api/x").status for _ in range(10)} == {200}
            wait_for(edge, failed=10)
