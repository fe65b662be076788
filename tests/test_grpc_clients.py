"""gRPC clients that others wrote, in three languages, through the edge and `par`."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from devtool.pac import wait_until
from pixell_testing.edge import Edge
from pixell_testing.go_tools import go_program
from pixell_testing.packages import AGENTS, build
from pixell_testing.stack import Par

APP = "calls"
PREFIX = f"/agents/{APP}/a2a"
SERVICE = "pixell.test.Calls"
SOURCES = Path(__file__).parent / "clients"
CALL_DEADLINE_S = 30
CLIENT_DEADLINE_S = 120
LARGE = bytes(3 << 20)

# What each client reports, but for the names of its codes.
CALLS = {
    "unary": "hello",
    "head": "this",
    "tail": "this",
    "tail_bin": "00ff",
    "large": len(LARGE),
    "client_stream": "2000",
    "server_stream": 500,
    "bidi": "re: a,re: b,re: c",
    "bidi_ends": True,
    "deadline_seen": "1",
    "cancel_seen": "1",
}


@pytest.fixture(scope="module")
def edge(scratch: Path) -> Iterator[Edge]:
    """An edge before a `par` whose agent serves gRPC of every kind."""
    folder = scratch / "grpc-clients"
    folder.mkdir()
    package = folder / "agent.apkg"
    package.write_bytes(build(AGENTS / "grpc_calls"))
    env = {"ENV_STORE_DIR": str(scratch / "environments"), "AGENT_APP_ID": APP}
    with Par(folder / "par", package, env=env, base_path=f"/agents/{APP}") as par:
        par.wait_ready()
        with Edge(folder / "edge", {APP: par.url.removeprefix("http://")}) as running:
            yield running


def run(*command: str | Path) -> dict[str, Any]:
    """The JSON object that a client prints; it must end well."""
    done = subprocess.run(
        [str(part) for part in command],
        timeout=CLIENT_DEADLINE_S,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def in_order(report: dict[str, Any]) -> dict[str, Any]:
    """A report whose counters of ended calls do not depend on how often a client ran."""
    seen = {name: "1" for name in ("deadline_seen", "cancel_seen") if report[name] != "0"}
    return {**report, **seen}


def test_a_go_client(edge: Edge) -> None:
    client = go_program("./grpcclient")

    by_path = run(client, edge.address, PREFIX, "")
    by_metadata = run(client, edge.address, "", APP)

    expected = {
        **CALLS,
        "deadline": "DeadlineExceeded",
        "cancel": "Canceled",
        "failure": "FailedPrecondition: not now: ü%",
        "details": "BECAUSE",
    }
    assert in_order(by_path) == expected
    assert in_order(by_metadata) == expected


def test_a_node_client(edge: Edge, tmp_path: Path) -> None:
    folder = tmp_path / "grpcjs"
    shutil.copytree(SOURCES / "grpcjs", folder)
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(install, cwd=folder, check=True, timeout=CLIENT_DEADLINE_S, capture_output=True)

    by_path = run("node", folder / "client.js", edge.address, PREFIX, "")
    by_metadata = run("node", folder / "client.js", edge.address, "", APP)

    expected = {
        **CALLS,
        "deadline": "DEADLINE_EXCEEDED",
        "cancel": "CANCELLED",
        "failure": "FAILED_PRECONDITION: not now: ü%",
        "details": "any bytes",
    }
    assert in_order(by_path) == expected
    assert in_order(by_metadata) == expected


# ------------------------------------------------------------------------------------- Python


class Calls:
    """The service through grpcio, by path or by metadata."""

    def __init__(self, edge: Edge, by_metadata: bool) -> None:
        self._channel = grpc.insecure_channel(
            edge.address,
            options=(("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)),
        )
        self._prefix = "" if by_metadata else PREFIX
        self.metadata = (("x-agent-id", APP),) if by_metadata else ()

    def __enter__(self) -> Calls:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def method(self, kind: str, name: str) -> Any:
        """A callable of a kind of the channel, e.g. `unary_stream`."""
        return getattr(self._channel, kind)(f"{self._prefix}/{SERVICE}/{name}")

    def wait_seen(self, mark: bytes) -> None:
        """Returns when the agent has seen the end of a call of Wait."""
        seen = self.method("unary_unary", "Seen")
        wait_until(
            "the agent sees the end of the call",
            lambda: seen(mark, timeout=CALL_DEADLINE_S, metadata=self.metadata) != b"0",
            CALL_DEADLINE_S,
        )


@pytest.fixture(params=["path", "metadata"])
def calls(edge: Edge, request: pytest.FixtureRequest) -> Iterator[Calls]:
    """Routed by each of the two."""
    with Calls(edge, request.param == "metadata") as running:
        yield running


def test_metadata_and_trailers(calls: Calls) -> None:
    echo = calls.method("unary_unary", "Echo")

    metadata = (*calls.metadata, ("x-ask", "this"))
    answer, call = echo.with_call(b"hello", timeout=CALL_DEADLINE_S, metadata=metadata)

    assert answer == b"hello"
    assert dict(call.initial_metadata())["x-head"] == "this"
    tail = dict(call.trailing_metadata())
    assert (tail["x-tail"], tail["x-tail-bin"]) == ("this", b"\x00\xff")
    assert echo(LARGE, timeout=CALL_DEADLINE_S, metadata=calls.metadata) == LARGE


def test_streams_either_way(calls: Calls) -> None:
    options = {"timeout": CALL_DEADLINE_S, "metadata": calls.metadata}

    total = calls.method("stream_unary", "Total")(iter([b"four"] * 500), **options)
    counted = list(calls.method("unary_stream", "Count")(b"500", **options))

    assert total == b"2000"
    assert counted == [str(number).encode() for number in range(500)]


def test_a_talk_goes_message_by_message(calls: Calls) -> None:
    may_ask = threading.Semaphore(1)

    def questions() -> Iterator[bytes]:
        for word in (b"a", b"b", b"c"):
            assert may_ask.acquire(timeout=CALL_DEADLINE_S)
            yield word

    talk = calls.method("stream_stream", "Talk")
    said = []
    for answer in talk(questions(), timeout=CALL_DEADLINE_S, metadata=calls.metadata):
        said.append(answer)
        may_ask.release()

    assert said == [b"re: a", b"re: b", b"re: c"]


def test_a_deadline_reaches_client_and_agent(calls: Calls) -> None:
    mark = f"python-deadline-{bool(calls.metadata)}".encode()
    call = calls.method("unary_stream", "Wait")(mark, timeout=1, metadata=calls.metadata)

    assert next(call) == b"waiting"
    with pytest.raises(grpc.RpcError) as caught:
        next(call)

    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    calls.wait_seen(mark)


def test_a_cancellation_reaches_the_agent(calls: Calls) -> None:
    mark = f"python-cancel-{bool(calls.metadata)}".encode()
    options = {"timeout": CALL_DEADLINE_S, "metadata": calls.metadata}
    call = calls.method("unary_stream", "Wait")(mark, **options)

    assert next(call) == b"waiting"
    call.cancel()

    calls.wait_seen(mark)


def test_a_client_that_vanishes_ends_the_call(edge: Edge, calls: Calls) -> None:
    mark = f"python-gone-{bool(calls.metadata)}".encode()
    with Calls(edge, bool(calls.metadata)) as other:
        call = other.method("unary_stream", "Wait")(mark, metadata=other.metadata)
        assert next(call) == b"waiting"

    calls.wait_seen(mark)


def test_a_failure_has_its_details(calls: Calls) -> None:
    fail = calls.method("unary_unary", "Fail")
    metadata = (*calls.metadata, ("want-details-bin", b"\x08\x09details"))

    with pytest.raises(grpc.RpcError) as caught:
        fail(b"", timeout=CALL_DEADLINE_S, metadata=metadata)

    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details() == "not now: ü%"
    details = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    assert details == b"\x08\x09details"


@pytest.mark.parametrize(
    ("prefix", "metadata", "code"),
    [
        ("/agents/nobody/a2a", (), grpc.StatusCode.NOT_FOUND),
        ("", (("x-agent-id", "nobody"),), grpc.StatusCode.NOT_FOUND),
        (PREFIX, (), grpc.StatusCode.UNIMPLEMENTED),
    ],
)
def test_what_is_not_there_has_its_code(
    edge: Edge, prefix: str, metadata: tuple, code: grpc.StatusCode
) -> None:
    with grpc.insecure_channel(edge.address, options=(("grpc.enable_http_proxy", 0),)) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(f"{prefix}/{SERVICE}/Dance")(b"", timeout=10, metadata=metadata)

    assert caught.value.code() == code
