"""Edges by themselves, which get their routes from a control elsewhere over mutual TLS."""

from __future__ import annotations

import http.client
import signal
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from devtool.load import Calls
from devtool.pac import Pac, free_port, request, wait_until
from devtool.paths import program
from pixell_testing.certificates import Authority, Pair
from pixell_testing.edge import RemoteEdge
from pixell_testing.packages import from_files
from pixell_testing.stack import put

PATH = "/agents/hello/api/version"
WRONG_USAGE = 105
PATIENCE_S = 60


# A program, which needs no environment installed.
MANIFEST = "name: plain\nentrypoint: exec:./agent\n"
AGENT = """\
#!/usr/bin/env python3
import http.server
import os
import socketserver
import threading

VERSION = {version!r}
go = threading.Event()


class Agent(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.path.endswith("/held"):
            self.piece("begun ")
            go.wait()
            self.piece("ended")
        elif self.path.endswith("/go"):
            go.set()
        else:
            self.piece(VERSION)
        self.wfile.write(b"0\\r\\n\\r\\n")

    def piece(self, text):
        self.wfile.write(f"{{len(text):x}}\\r\\n{{text}}\\r\\n".encode())

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingUnixStreamServer):
    request_queue_size = 128


Server(os.environ["PAR_SOCKET"], Agent).serve_forever()
"""


def package(version: str) -> bytes:
    """An agent that tells its version, and ends /api/held once it was told /api/go."""
    return from_files({"agent.yaml": MANIFEST, "agent": AGENT.format(version=version)})


class Fleet:
    """A control with a listener for edges, and two of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.controls = Authority(folder / "certificates", "controls")
        self.edges = Authority(folder / "certificates", "edges")
        control = self.controls.certify("control", "DNS:localhost")
        self.edge_pair = self.edges.certify("edge")
        self.port = free_port()
        self.pac = Pac(
            folder / "state",
            free_port(),
            arguments=[
                *("--edge-listen", f"127.0.0.1:{self.port}"),
                *("--edge-tls-cert", str(control.certificate)),
                *("--edge-tls-key", str(control.key)),
                *("--edge-client-ca", str(self.edges.file)),
            ],
        )
        by_env = {
            "PAC_CONTROL": f"https://localhost:{self.port}",
            "PAC_CONTROL_CA": self.controls.file.read_text(),
            "PAC_CONTROL_CERT": self.edge_pair.certificate.read_text(),
            "PAC_CONTROL_KEY": self.edge_pair.key.read_text(),
        }
        self.first = RemoteEdge(folder / "first", *self.options(), "--edge-id", "first")
        self.second = RemoteEdge(folder / "second", env=by_env)  # as containers are told

    @property
    def both(self) -> tuple[RemoteEdge, RemoteEdge]:
        return self.first, self.second

    def options(self, ca: Path | None = None, pair: Pair | None = None) -> list[str | Path]:
        """Those of `pac edge` for this control."""
        pair = pair or self.edge_pair
        return [
            *("--control", f"https://localhost:{self.port}"),
            *("--control-ca", ca or self.controls.file),
            *("--control-cert", pair.certificate, "--control-key", pair.key),
        ]

    def connect(self, pair: Pair | None = None) -> http.client.HTTPSConnection:
        """To the listener for edges, with a client's certificate or without."""
        context = self.controls.trust()
        if pair:
            context.load_cert_chain(pair.certificate, pair.key)
        return http.client.HTTPSConnection("localhost", self.port, context=context, timeout=30)

    def ask(self, method: str, path: str, pair: Pair | None = None) -> tuple[int, str]:
        """Status and body of an answer there."""
        connection = self.connect(pair)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def fleet(scratch: Path) -> Iterator[Fleet]:
    made = Fleet(scratch / "fleet")
    with made.pac, made.first, made.second:
        made.pac.deploy_and_wait("hello", put(made.pac, "1.apkg", package("1")))
        made.pac.keep_cold("hello")
        for edge in made.both:
            wait_until("the edge has the route", lambda each=edge: each.serves("hello"), PATIENCE_S)
        yield made


def version(url: str) -> str:
    reply = request(url, "GET", PATH, timeout_s=30)
    assert reply.status == 200, (reply.status, reply.text)
    return reply.text


def test_both_edges_serve_agents_and_nothing_else(fleet: Fleet) -> None:
    for edge in fleet.both:
        assert version(edge.url) == "1"
        health = request(edge.url, "GET", "/healthz")
        assert (health.status, health.json()["status"]) == (200, "ok")
        for method, path in (("GET", "/v1/apps"), ("POST", "/deployments"), ("POST", "/agents")):
            refused = request(edge.url, method, path)
            assert refused.status == 404
            assert "the API is on the machine of the control plane" in refused.text
        assert request(edge.url, "GET", "/internal/routes").status == 404


def test_a_deployment_rolls_over_and_no_request_is_lost(fleet: Fleet) -> None:
    calls = Calls(
        [(str(edge.port), lambda url=edge.url: version(url)) for edge in fleet.both],
        pause_s=0.002,
    )
    with calls:
        for number in ("2", "3"):
            fleet.pac.deploy_and_wait("hello", put(fleet.pac, "n.apkg", package(number)))
            wait_until(
                "the former revision has ended",
                lambda: len(fleet.pac.live_instances("hello")) == 1,
                PATIENCE_S,
            )
            assert {version(edge.url) for edge in fleet.both} == {number}

    assert calls.failures == []
    assert len(calls.answers) > 10


def test_only_edges_with_a_good_certificate_get_in(fleet: Fleet) -> None:
    stranger = fleet.controls.certify("stranger")

    for pair in (None, stranger):
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
            fleet.ask("GET", "/internal/routes?after=0", pair)
    status, body = fleet.ask("GET", "/internal/routes?after=0", fleet.edge_pair)
    assert (status, '"hello"' in body) == (200, True)


def test_the_listener_for_edges_serves_nothing_else(fleet: Fleet) -> None:
    for method, path in (
        *(("GET", "/"), ("GET", "/healthz"), ("GET", "/metrics"), ("GET", "/v1/apps")),
        *(("GET", "/openapi.json"), ("POST", "/deployments"), ("DELETE", "/v1/apps/hello")),
        *(("GET", "/internal/"), ("GET", "/internal/../v1/apps"), ("GET", PATH)),
    ):
        status, body = fleet.ask(method, path, fleet.edge_pair)
        assert status == 404, (method, path, body)


def test_an_edge_with_the_wrong_authority_says_so_and_serves_nobody(fleet: Fleet) -> None:
    wrong = RemoteEdge(fleet.folder / "wrong", *fleet.options(ca=fleet.edges.file))
    with wrong:
        wait_until("it tells why", lambda: "--control-ca" in wrong.log_text(), PATIENCE_S)
        wait_until("it waits", lambda: "waits for its first routes" in wrong.log_text(), PATIENCE_S)

        assert "certificate" in wrong.log_text()
        assert not wrong.serves("hello")
        assert wrong.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["serve", "--edge-listen", "127.0.0.1:0"], "--edge-listen needs --edge-client-ca FILE"),
        (["serve", "--edge-tls-cert", "x.pem"], "--edge-tls-cert needs --edge-listen"),
        (["edge", "--control", "https://h:1"], "--control needs --control-ca FILE"),
        (["edge", "--control-ca", "x.pem"], "need --control https://HOST:PORT"),
        (["edge", "--control", "http://h:1"], "must be https://HOST:PORT"),
    ],
)
def test_half_a_configuration_is_refused(
    tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    done = subprocess.run(
        [str(program("pac")), *arguments, "--state", str(tmp_path / "state")],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, complaint in done.stderr) == (WRONG_USAGE, True), done.stderr
    assert not (tmp_path / "state").exists()


def test_edges_go_on_without_control_and_find_it_again(fleet: Fleet) -> None:
    calls = Calls([("second", lambda: version(fleet.second.url))], pause_s=0.002)
    now = version(fleet.first.url)
    with calls:
        fleet.pac.crash()
        assert [version(edge.url) for edge in fleet.both] == [now, now]

        fleet.first.kill()
        fleet.first.start()
        wait_until("it serves again", lambda: fleet.first.serves("hello"), PATIENCE_S)
        assert version(fleet.first.url) == now

        fleet.pac.start()
        fleet.pac.deploy_and_wait("hello", put(fleet.pac, "n.apkg", package("back")))
        for edge in fleet.both:
            wait_until(
                "it follows control", lambda each=edge: version(each.url) == "back", PATIENCE_S
            )
    assert calls.failures == []


@pytest.mark.timeout(300)
def test_control_is_upgraded_under_them_and_no_request_is_lost(fleet: Fleet) -> None:
    before = fleet.pac.role("control")
    calls = Calls(
        [(str(edge.port), lambda url=edge.url: version(url)) for edge in fleet.both],
        pause_s=0.002,
    )
    with calls:
        done = fleet.pac.upgrade()
        assert (done.returncode, done.stdout) == (0, "upgraded\n"), done.stderr
        assert fleet.pac.role("control") != before

        fleet.pac.deploy_and_wait("hello", put(fleet.pac, "n.apkg", package("upgraded")))
        for edge in fleet.both:
            wait_until(
                "it follows the new one", lambda each=edge: version(each.url) == "upgraded", 60
            )
    assert calls.failures == []


def test_an_edge_that_is_told_to_end_ends_what_it_has_begun(fleet: Fleet) -> None:
    url = f"{fleet.second.url}/agents/hello/api/held"
    with httpx.Client(timeout=PATIENCE_S) as client, client.stream("GET", url) as reply:
        pieces = reply.iter_text()
        assert next(pieces) == "begun "

        fleet.second.process.send_signal(signal.SIGTERM)
        wait_until("nobody new gets in", lambda: not fleet.second.is_listening(), PATIENCE_S)
        assert request(fleet.first.url, "GET", "/agents/hello/api/go").status == 200

        assert "".join(pieces) == "ended"
    assert fleet.second.process.wait(PATIENCE_S) == 0
