"""The load generators, on their own processor. Any request that goes wrong ends the bench."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import wrk_count
from rig.native import native
from rig.pinned import LOAD_CORE, on_core
from rig.requests import GRPC_BODY, GRPC_FIELDS

MARGIN_S = 60  # beyond what a run should take
HOLD_DEADLINE_S = 120
UNDER_VALGRIND_S = 300


def output_of(argv: Sequence[str | Path], timeout_s: float) -> str:
    """What a load generator prints; RuntimeError unless it succeeds."""
    done = subprocess.run(
        on_core(LOAD_CORE, argv), capture_output=True, text=True, timeout=timeout_s, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def wrk(url: str, connections: int, seconds: int, headers: Sequence[str] = ()) -> int:
    """Closed-loop HTTP/1.1; the number of requests that were answered."""
    fields = [part for header in headers for part in ("-H", header)]
    return wrk_count(wrk_output(url, connections, seconds, fields), url)


def wrk_paths(url: str, connections: int, seconds: int, script: Path) -> int:
    """The same, with the requests that a Lua script makes."""
    return wrk_count(wrk_output(url, connections, seconds, ["-s", str(script)]), url)


def wrk_output(url: str, connections: int, seconds: int, options: Sequence[str]) -> str:
    """What wrk prints."""
    basics = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s"]
    return output_of([*basics, *options, url], seconds + MARGIN_S)


@dataclasses.dataclass(frozen=True)
class Calls:
    """Unary gRPC calls: where, how many at once, what is sent and what comes back at least."""

    url: str
    connections: int
    streams: int
    body: bytes = GRPC_BODY
    reply_bytes: int = len(GRPC_BODY)


def h2load(calls: Calls, scratch: Path, length: Sequence[str]) -> int:
    """Makes calls; the number that was answered. `length` is `-n N` or `-D SECONDS`."""
    body = scratch / "grpc_body"
    body.write_bytes(calls.body)
    fields = [part for field in GRPC_FIELDS for part in ("-H", field)]
    shape = ["-c", str(calls.connections), "-m", str(calls.streams)]
    text = output_of(["h2load", *length, *shape, "-d", body, *fields, calls.url], UNDER_VALGRIND_S)
    return h2load_count(text, calls.reply_bytes)


def h2load_count(text: str, reply_bytes: int) -> int:
    """The calls answered in what h2load printed.

    An error of gRPC is a 200 without a message, so the bytes of the replies are looked at too.
    """
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    data = re.search(r"\((\d+)\) data$", text, re.M)
    if counts is None or data is None:
        raise RuntimeError(f"h2load printed no counts:\n{text}")
    succeeded, *wrong = map(int, counts.groups())
    if succeeded == 0 or any(wrong) or int(data[1]) < succeeded * reply_bytes:
        raise RuntimeError(f"calls failed:\n{text}")
    return succeeded


def http_load(port: int, request: Path, *numbers: object, timeout_s: float) -> dict[str, Any]:
    """A run of bench/native/http_load.cpp that ends by itself."""
    argv = [native("http_load"), str(port), request, *map(str, numbers)]
    return json.loads(output_of(argv, timeout_s))


@contextmanager
def held(port: int, request: Path, connections: int) -> Iterator[None]:
    """Connections that have sent a request and stay open during the `with` block."""
    argv = [native("http_load"), str(port), request, "hold", str(connections)]
    with subprocess.Popen(
        on_core(LOAD_CORE, argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline()
            if f'"connections": {connections}' not in line:
                raise RuntimeError(f"{connections} connections were not answered")
            yield
        finally:
            process.stdin.close()
            process.wait(timeout=HOLD_DEADLINE_S)
