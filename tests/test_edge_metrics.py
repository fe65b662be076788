"""What the edge tells of the requests it forwarded: metrics for Prometheus, and a line for each."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from devtool.pac import wait_until
from pixell_testing.echo import Echo
from pixell_testing.edge import Edge

DEADLINE_S = 10
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([0-9.e+-]+|\+Inf|NaN)")


def parse(text: str) -> dict[str, float]:
    """The samples of a page, by name and labels; strict as the format is."""
    samples: dict[str, float] = {}
    families: dict[str, str] = {}
    current = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ")[2]
            assert current not in families, f"{current} is there twice"
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current
            assert kind in ("counter", "gauge", "histogram")
            families[name] = kind
        else:
            found = SAMPLE.fullmatch(line)
            assert found, line
            name, labels, value = found.groups()
            suffixes = ("_bucket", "_sum", "_count") if families[current] == "histogram" else ("",)
            assert name in [current + suffix for suffix in suffixes], line
            key = f"{name}{{{labels or ''}}}"
            assert key not in samples, f"{key} is there twice"
            samples[key] = float(value)
    return samples


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with Echo("agent") as agent, Echo("broken", status=500) as broken:
        agents = {"hello": agent.address, "broken": broken.address}
        limits = {"hello": {"limits": {"max_body_bytes": 10}}}
        with Edge(tmp_path, agents, "--threads", "2", routing=limits) as running:
            yield running


def metrics(edge: Edge) -> dict[str, float]:
    reply = httpx.get(edge.url + "/v1/edge/metrics", timeout=10)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    return parse(reply.text)


def test_requests_are_counted_by_app_revision_and_surface(edge: Edge) -> None:
    with httpx.Client(base_url=edge.url, timeout=10) as client:
        for _ in range(3):
            client.get("/agents/hello/api/x")
        client.get("/agents/hello/ui/index.html")
        client.get("/agents/broken/api/x")
        client.post("/agents/hello/api/x", content=b"more than ten bytes")

        def is_counted() -> bool:
            return metrics(edge).get(counted, 0) == 3

        rest = 'app="hello",revision="1",surface="rest"'
        counted = f'pixell_edge_requests_total{{{rest},status_class="2xx"}}'
        wait_until("three requests are counted", is_counted, DEADLINE_S)
        samples = metrics(edge)

    assert samples[f"pixell_edge_reply_seconds_count{{{rest}}}"] == 3
    assert samples[f'pixell_edge_reply_seconds_bucket{{{rest},le="+Inf"}}'] == 3
    assert samples[f"pixell_edge_reply_body_bytes_total{{{rest}}}"] > 100
    broken = 'app="broken",revision="1",surface="rest"'
    assert samples[f"pixell_edge_request_errors_total{{{broken}}}"] == 1
    assert samples['pixell_edge_requests_refused_total{app="hello",reason="too_large"}'] == 1
    assert samples['pixell_edge_requests_in_flight{app="hello",revision="1"}'] == 0
    used = 'pixell_edge_upstream_requests_total{app="hello",connection='
    assert samples[used + '"opened"}'] + samples.get(used + '"reused"}', 0) == 4
    assert samples["pixell_edge_routes{}"] == 2
    assert samples["pixell_edge_routes_from_file{}"] == 1
    assert {key for key in samples if key.startswith("pixell_edge_loop_lag")} == {
        'pixell_edge_loop_lag_seconds{loop="0"}',
        'pixell_edge_loop_lag_seconds{loop="1"}',
    }
    assert samples["pixell_edge_process_open_fds{}"] > 3


def test_the_page_is_for_this_machine_alone(edge: Edge) -> None:
    page = edge.url + "/v1/edge/metrics"
    assert httpx.get(page, headers={"Host": "edge.example.com"}, timeout=10).status_code == 404
    assert httpx.post(page, timeout=10).status_code == 405


def lines_of(edge: Edge) -> list[dict]:
    """Every line must be JSON."""
    return [json.loads(line) for line in edge.log_text().splitlines()]


def requests_of(edge: Edge) -> list[dict]:
    return [line for line in lines_of(edge) if line["event"] == "request"]


def test_each_request_has_a_line_whatever_its_path_holds(edge: Edge) -> None:
    odd = b'/agents/hello/a"b\\c%00\xc3\xa9\xff<>{}' + b"x" * 3000
    with socket.create_connection(("127.0.0.1", edge.port), timeout=10) as connection:
        connection.sendall(b"GET " + odd + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        while connection.recv(65536):
            pass
    trace = "0af7651916cd43dd8448eb211c80319c"
    httpx.get(
        edge.url + "/agents/hello/api/x",
        headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01", "x-request-id": "mine"},
        timeout=10,
    )

    assert edge.stop() == 0

    lines = requests_of(edge)
    # Each loop writes its own lines: their order is not that of the requests.
    plain = next(line for line in lines if line["path"] == "/agents/hello/api/x")
    assert list(plain)[:4] == ["event", "level", "timestamp", "role"]
    assert (plain["agentAppId"], plain["revision"], plain["status"]) == ("hello", 1, 200)
    assert (plain["trace_id"], plain["request_id"]) == (trace, "mine")
    assert (plain["surface"], plain["protocol"], plain["end"]) == ("rest", "http/1", "complete")
    assert plain["target"].startswith("127.0.0.1:")
    assert 0 <= plain["ttfb_ms"] <= plain["ms"]


@pytest.mark.parametrize(
    ("choice", "expected"), [("errors", [0, 3]), ("1/10", [2, 3]), ("none", [0, 0])]
)
def test_lines_are_sampled_but_errors_have_theirs(
    tmp_path: Path, choice: str, expected: list[int]
) -> None:
    with Echo("agent") as agent, Echo("broken", status=500) as broken:
        agents = {"hello": agent.address, "broken": broken.address}
        with Edge(tmp_path, agents, "--access-log", choice) as edge:
            with httpx.Client(base_url=edge.url, timeout=10) as client:
                for _ in range(20):
                    client.get("/agents/hello/x")
                for _ in range(3):
                    client.get("/agents/broken/x")
            assert edge.stop() == 0
            lines = requests_of(edge)

    sampled = [line for line in lines if line["status"] == 200]
    assert [len(sampled), len(lines) - len(sampled)] == expected
    assert all(line["sampled"] == 10 for line in sampled)
