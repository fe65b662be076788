"""h2spec, the conformance suite of RFC 9113 and RFC 7541, against the edge and against `par`."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import xml.etree.ElementTree as xml
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixell_testing.edge import Edge
from pixell_testing.forwarded import APP, BASE, par_before
from pixell_testing.go_tools import go_program
from pixell_testing.origin import Origin, Request, hello

H2SPEC = "github.com/summerwind/h2spec/cmd/h2spec"
RUN_DEADLINE_S = 120
CASES_LEAST = 140
# h2spec says something more on a stream right after a request, and means one that is not over.
ANSWER_AFTER_S = 0.05

# Cases that cannot pass, with the reason.
EXPECTED_FAILURES = {
    # RFC 9113 3.4: "A GOAWAY frame MAY be omitted in this case, since an invalid preface indicates
    # that the peer is not using HTTP/2." Our ports speak HTTP/1.1 as well: what is not the preface
    # is answered 400 and the connection is closed. h2spec reads that text as a frame cut short.
    "http2/3.5 Sends invalid connection preface",
    # RFC 9113 5.1, of a closed stream: "An endpoint MAY treat receipt of any other type of frame on
    # a closed stream as a connection error", which RFC 7540 wanted. nghttp2 counts such DATA for
    # flow control and throws it away; HEADERS, which change the state of HPACK, end the connection.
    "http2/5.1 closed: Sends a DATA frame after sending RST_STREAM frame",
    "http2/5.1 closed: Sends a DATA frame",
}


async def unhurried(request: Request) -> None:
    """Answers when h2spec has said what it has to say."""
    await asyncio.sleep(ANSWER_AFTER_S)
    await hello(request)


@pytest.fixture(scope="module")
def ports(scratch: Path) -> Iterator[dict[str, int]]:
    """The port of each program; both lead to the same origin."""
    folder = scratch / "h2spec"
    folder.mkdir()
    with Origin(folder / "origin.sock") as origin, par_before(origin.path, folder / "par") as par:
        origin.on("/api/x", unhurried)
        par.wait_ready()
        behind = par.url.removeprefix("http://")
        with Edge(folder / "edge", {APP: behind}) as edge:
            yield {"edge": edge.port, "par": int(behind.partition(":")[2])}


@pytest.mark.parametrize("program", ["edge", "par"])
def test_every_case_of_h2spec_passes(
    ports: dict[str, int], program: str, tmp_path: Path
) -> None:
    report = tmp_path / "report.xml"
    target = ["-h", "127.0.0.1", "-p", str(ports[program]), "-P", f"{BASE}/api/x"]

    done = subprocess.run(
        [go_program(H2SPEC), *target, "--strict", "-j", str(report)],
        timeout=RUN_DEADLINE_S,
        capture_output=True,
        text=True,
        check=False,
    )

    cases = list(xml.parse(report).getroot().iter("testcase"))
    assert len(cases) >= CASES_LEAST, done.stdout
    failed = {
        f"{case.get('package')} {case.get('classname')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    }
    assert failed == EXPECTED_FAILURES, done.stdout


@pytest.mark.parametrize("program", ["edge", "par"])
def test_what_is_no_preface_is_refused_as_http1(ports: dict[str, int], program: str) -> None:
    with socket.create_connection(("127.0.0.1", ports[program]), timeout=10) as client:
        client.sendall(b"INVALID CONNECTION PREFACE\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 400 "), answer
