"""What runs under callgrind, and the requests that are counted of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from devtool.apkg import write_apkg
from devtool.pac import free_port
from devtool.paths import ROOT
from rig.callgrind import Costs, by_thread_kind
from rig.load import UNDER_VALGRIND_S, Calls, h2load, http_load
from rig.par import Par
from rig.platform import edge_before, upstreams
from rig.requests import FEW_HEADERS, GRPC_PATH, HTTP_PATH, MANY_HEADERS, UI_PATH, http_request

WARM_UP = 200  # requests by which pools and caches are filled
CONNECTIONS = 16
STREAMS = 16
UI_FILE, UI_BYTES = "small.js", 2 * 1024
# valgrind lets nobody lower the hard limit of open files, which par does for its worker unless it
# is that low already.
FEW_FILES = ("prlimit", "--nofile=1024:1024")

Load = Callable[[int, Path, int], None]
Start = Callable[[Path, Sequence[str]], AbstractContextManager[int]]


@dataclasses.dataclass(frozen=True)
class Case:
    """`start` runs a program under a command, in a folder, and gives its port; `load` sends a
    number of requests there, all of which must succeed."""

    what: str
    start: Start
    load: Load


@contextmanager
def edge(directory: Path, under: Sequence[str]) -> Iterator[int]:
    """The edge before both upstreams."""
    with (
        upstreams(directory) as where,
        edge_before(where, directory / "edge", under=under) as running,
    ):
        yield running.port


@contextmanager
def par_with_agent(directory: Path, under: Sequence[str]) -> Iterator[int]:
    """par with an agent in Node.js, which starts sooner than one in Python."""
    package = write_apkg(ROOT / "bench" / "node_agent", directory / "agent.apkg")
    port = free_port()
    with Par(directory / "par", package, listen=port, under=[*FEW_FILES, *under]):
        yield port


@contextmanager
def par_with_files(directory: Path, under: Sequence[str]) -> Iterator[int]:
    """par with a UI alone."""
    texts = {
        "agent.yaml": 'name: files\nversion: "1.0"\nui: {path: ui}\n',
        "ui/index.html": "<html></html>",
        f"ui/{UI_FILE}": "x" * UI_BYTES,
    }
    empty = directory / "source"
    empty.mkdir()
    package = write_apkg(empty, directory / "files.apkg", texts)
    port = free_port()
    with Par(directory / "par", package, listen=port, under=[*FEW_FILES, *under]):
        yield port


def http(path: str, headers: Sequence[str] = FEW_HEADERS) -> Load:
    """GETs, 16 under way at a time."""

    def load(port: int, directory: Path, requests: int) -> None:
        file = directory / "request"
        file.write_bytes(http_request(path, headers))
        shape = ("closed", requests, CONNECTIONS)
        done = http_load(port, file, *shape, timeout_s=UNDER_VALGRIND_S)
        if done["requests"] != requests:
            raise RuntimeError(f"{requests} were to be answered: {done}")

    return load


def grpc(port: int, directory: Path, requests: int) -> None:
    """Unary calls, 16 under way at a time, on one connection."""
    calls = Calls(f"http://127.0.0.1:{port}{GRPC_PATH}", connections=1, streams=STREAMS)
    answered = h2load(calls, directory, ["-n", str(requests)])
    if answered != requests:
        raise RuntimeError(f"{answered} of {requests} calls were answered")


CASES = {
    "http_small": Case(
        "edge: HTTP/1.1, 200-byte reply, few headers", edge, http(f"{HTTP_PATH}small")
    ),
    "http_11_headers": Case(
        "edge: HTTP/1.1, 200-byte reply, 11 headers", edge, http(f"{HTTP_PATH}small", MANY_HEADERS)
    ),
    "grpc_unary": Case("edge: gRPC, unary, 16 streams", edge, grpc),
    "par_rest": Case(
        "par: REST of a Node.js agent, 200-byte reply", par_with_agent, http(f"{HTTP_PATH}bench")
    ),
    "par_ui": Case("par: UI file of 2 KiB", par_with_files, http(UI_PATH + UI_FILE)),
}


def costs_of_run(case: Case, directory: Path, requests: int) -> tuple[Costs, Costs]:
    """Instructions of one run with so many requests: of its loops, of other threads."""
    directory.mkdir()
    out = directory / "callgrind.out"
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
    valgrind += ["--separate-threads=yes", "--compress-strings=no", "--compress-pos=no"]
    with case.start(directory, valgrind) as port:
        for number in (WARM_UP, requests):
            case.load(port, directory, number)
    return by_thread_kind(sorted(directory.glob("callgrind.out*-*")))
