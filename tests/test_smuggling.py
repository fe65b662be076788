"""What two servers may read differently ends here: refused, or passed on in one meaning only."""

from __future__ import annotations

import contextlib
import itertools
import select
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtool.pac import free_port, wait_until
from pixell_testing.edge import Edge
from pixell_testing.forwarded import APP, BASE, par_before
from pixell_testing.origin import Origin, Request
from smuggling.answers import ANSWERS, Answer
from smuggling.requests import CASES, Case

READ_DEADLINE_S = 10
NGINX_PATIENCE_S = 0.5
NUMBERS = itertools.count(1)
NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder};
  proxy_temp_path {folder};
  fastcgi_temp_path {folder};
  scgi_temp_path {folder};
  uwsgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://unix:{socket}:;
      proxy_http_version 1.1;
      proxy_request_buffering off;
    }}
  }}
}}
"""


class Hops:
    """The programs, each before the same origin."""

    def __init__(self, origin: Origin, ports: dict[str, int]) -> None:
        self.origin = origin
        self.ports = ports

    def say(self, program: str, text: bytes) -> bytes:
        """Everything that a program answers to these bytes, after which nothing more comes."""
        client = socket.create_connection(("127.0.0.1", self.ports[program]), READ_DEADLINE_S)
        with client:
            answer = b""
            with contextlib.suppress(ConnectionError):
                client.sendall(text)
                # nginx gives a client up that shuts its side before it is answered.
                select.select([client], [], [], NGINX_PATIENCE_S if program == "nginx" else 0)
                client.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while piece := client.recv(65536):
                    answer += piece
            return answer


@pytest.fixture(scope="module")
def hops(scratch: Path) -> Iterator[Hops]:
    """edge, par and, when it is installed, nginx."""
    folder = scratch / "smuggling"
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(Origin(folder / "origin.sock"))
        par = stack.enter_context(par_before(origin.path, folder / "par")).wait_ready()
        edge = stack.enter_context(Edge(folder / "edge", {APP: origin.address}))
        ports = {"edge": edge.port, "par": int(par.url.rpartition(":")[2])}
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
        if program:
            ports["nginx"] = stack.enter_context(nginx_before(program, origin, folder / "nginx"))
        yield Hops(origin, ports)
        assert edge.process.poll() is None
        assert par.process.poll() is None


@contextlib.contextmanager
def nginx_before(program: str, origin: Origin, folder: Path) -> Iterator[int]:
    """The port of an nginx that sends everything to the origin."""
    folder.mkdir()
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, socket=origin.path))
    command = [program, "-p", str(folder), "-c", str(config)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:

        def is_up() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            return False

        wait_until("nginx listens", is_up, READ_DEADLINE_S)
        yield port
        running.terminate()


def verdict_of(answer: bytes) -> str:
    """The status of an answer, or `closed`."""
    return answer[9:12].decode("latin-1") if answer.startswith(b"HTTP/1.") else "closed"


# ----------------------------------------------------------------------------------- requests


def ask(hops: Hops, program: str, case: Case) -> tuple[str, bytes]:
    """What the program says, and what the origin got of it."""
    path = f"{BASE}/case-{next(NUMBERS)}-".encode()
    text = case.text.replace(b"http://b/PATH", b"http://b" + path).replace(b"PATH", path)
    answer = hops.say(program, text)
    return verdict_of(answer), hops.origin.bytes_of(path.removeprefix(BASE.encode()))


@pytest.mark.parametrize("program", ["edge", "par"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_has_one_meaning(hops: Hops, case: Case, program: str) -> None:
    verdict, passed_on = ask(hops, program, case)

    assert verdict == str(case.status)
    assert b"SMUGGLED" not in passed_on
    if case.status == 200:
        head = passed_on.partition(b"\r\n\r\n")[0].lower()
        framing = head.count(b"\r\ncontent-length:") + head.count(b"\r\ntransfer-encoding:")
        assert framing <= 1, passed_on
        assert head.count(b"\r\nhost:") == 1, passed_on
        assert b"\r\nupgrade: h2c" not in head
    elif not is_refused_in_body(case):
        assert passed_on == b""


def is_refused_in_body(case: Case) -> bool:
    """Whether the head is good, so that it may have gone on before the body was seen."""
    head = case.text.partition(b"\r\n\r\n")[0]
    return case.name.startswith(("chunk", "trailer")) and b"chunked" in head


def test_a_broken_body_is_not_passed_on_as_whole(hops: Hops) -> None:
    """The agent must not take what came before the break for all of it."""
    for case in CASES:
        if case.status == 400 and is_refused_in_body(case):
            _, passed_on = ask(hops, "edge", case)
            assert not passed_on.endswith(b"0\r\n\r\n"), case.name


def test_the_verdicts_beside_those_of_nginx(hops: Hops, capsys: pytest.CaptureFixture) -> None:
    """Prints the table of docs/protocols.md; nginx may be newer than it was there."""
    if "nginx" not in hops.ports:
        pytest.skip("nginx is not installed")
    rows = []
    for case in CASES:
        theirs, passed_on = ask(hops, "nginx", case)
        rows.append((case.name, str(case.status), theirs + (", forwarded" if passed_on else "")))
    with capsys.disabled():
        print("\n| request | Pixell | nginx |\n|---|---|---|")
        for name, ours, theirs in rows:
            if ours != theirs.removesuffix(", forwarded"):
                print(f"| {name} | {ours} | {theirs} |")

    stricter = [name for name, ours, theirs in rows if ours >= "400" and theirs.startswith("200")]
    laxer = [name for name, ours, theirs in rows if ours == "200" and theirs >= "400"]
    assert stricter
    assert set(laxer) <= LAXER_THAN_NGINX


# What nginx refuses and we pass on, in one meaning.
LAXER_THAN_NGINX = {
    "two CLs that agree",  # RFC 9110 8.6 allows it; one is passed on
    "Host list",
}


# ------------------------------------------------------------------------------------ answers


@pytest.mark.parametrize("program", ["edge", "par"])
@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.name)
def test_an_answer_has_one_meaning(hops: Hops, answer: Answer, program: str) -> None:
    async def reply(request: Request) -> None:
        await request.send(answer.text)
        request.writer.close()

    hops.origin.on("/bad", reply)
    said = hops.say(program, f"GET {BASE}/bad HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    # A head that has not left when the rest turns out to be broken never leaves.
    assert verdict_of(said) in ({"200", "closed"} if answer.is_cut else {str(answer.status)}), said
    assert b"SMUGGLED" not in said
    assert said.count(b"HTTP/1.1 ") <= 1
    if answer.is_cut:
        assert not said.endswith(b"0\r\n\r\n"), said
