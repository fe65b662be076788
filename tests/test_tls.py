"""TLS at the edge, with clients that others wrote."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from websockets.sync.client import connect

from devtool import rpc
from devtool.load import Calls
from devtool.pac import wait_until
from pixell_testing.certificates import Authority, Pair, TlsPac
from pixell_testing.packages import EXAMPLE, build, with_routes
from pixell_testing.stack import put

MIB = 1024 * 1024
HELLO = "/agents/hello/api/hello"
PROBE = "/agents/probe/api"
ROUTES = """
import asyncio
import os
import signal

from fastapi import Request
from fastapi.responses import StreamingResponse


def mount(app):
    @app.get("/api/headers")
    async def headers(request: Request):
        return dict(request.headers)

    @app.post("/api/size")
    async def size(request: Request):
        count = 0
        async for piece in request.stream():
            count += len(piece)
        return {"size": count}

    @app.get("/api/bytes")
    async def many(mib: int, ends: str = "well"):
        async def pieces():
            for _ in range(mib):
                yield b"x" * (1 << 20)
            if ends == "badly":
                await asyncio.sleep(0.2)
                os.kill(os.getpid(), signal.SIGKILL)

        return StreamingResponse(pieces(), media_type="application/octet-stream")
"""


@pytest.fixture(scope="module")
def authority(scratch: Path) -> Authority:
    return Authority(scratch / "certificates", "authority")


@pytest.fixture(scope="module")
def clients(scratch: Path) -> Authority:
    """Who signs the certificates of clients."""
    return Authority(scratch / "certificates", "clients")


@pytest.fixture(scope="module")
def tls(scratch: Path, authority: Authority, clients: Authority) -> Iterator[TlsPac]:
    """A platform with two agents that asks clients for certificates."""
    first = authority.certify("a.test", "DNS:a.test,DNS:localhost,IP:127.0.0.1")
    second = authority.certify("b.test", "DNS:*.b.test")
    pac = TlsPac(
        scratch / "tls" / "state",
        *("--tls-cert", first.certificate, "--tls-key", first.key),
        *("--tls-cert", second.certificate, "--tls-key", second.key),
        *("--tls-client-ca", clients.file, "--tls-client-auth", "optional"),
    )
    with pac:
        pac.deploy_and_wait("hello", put(pac, "hello.apkg", build(EXAMPLE)))
        pac.deploy_and_wait("probe", put(pac, "probe.apkg", with_routes(ROUTES)))
        yield pac
        edge = pac.role("edge")
        assert edge is not None, pac.log_tail()
        assert "Role ended" not in pac.log.read_text(), pac.log_tail()


def curl(authority: Authority, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["curl", "-sS", "--max-time", "60", "--cacert", str(authority.file), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=90)


def dial(tls: TlsPac, context: ssl.SSLContext, name: str = "a.test") -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", tls.tls_port), timeout=30)
    return context.wrap_socket(plain, server_hostname=name, suppress_ragged_eofs=False)


def read_all(peer: socket.socket) -> bytes:
    received = bytearray()
    while piece := peer.recv(65536):
        received += piece
    return bytes(received)


@pytest.mark.parametrize(("option", "version"), [("--http1.1", "1.1"), ("--http2", "2")])
def test_curl_gets_an_agent(tls: TlsPac, authority: Authority, option: str, version: str) -> None:
    url = f"https://localhost:{tls.tls_port}{PROBE}/headers"

    done = curl(authority, option, "-w", "\n%{http_version}", "-H", "X-Forwarded-Proto: x", url)

    body, _, spoken = done.stdout.rpartition("\n")
    assert (done.returncode, spoken) == (0, version), done.stderr
    headers = json.loads(body)
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-host"] == f"localhost:{tls.tls_port}"
    assert "x-forwarded-client-cert" not in headers


def test_httpx_speaks_http2(tls: TlsPac, authority: Authority) -> None:
    url = f"https://localhost:{tls.tls_port}"
    with httpx.Client(http2=True, verify=authority.trust(), base_url=url) as client:
        replies = [client.get(HELLO) for _ in range(5)]

    assert {(reply.status_code, reply.http_version) for reply in replies} == {(200, "HTTP/2")}


def test_h2load_gets_every_answer(tls: TlsPac) -> None:
    for protocol in ("h2", "http/1.1"):
        command = ["h2load", "-n", "400", "-c", "8", "-m", "10", f"--npn-list={protocol}"]
        done = subprocess.run(
            [*command, f"https://localhost:{tls.tls_port}{HELLO}"],
            capture_output=True,
            text=True,
            timeout=60,
        )

        assert "400 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout
        assert f"Application protocol: {protocol}" in done.stdout


def test_grpcio_calls_an_agent(tls: TlsPac, authority: Authority) -> None:
    types = rpc.message_types()
    credentials = grpc.ssl_channel_credentials(authority.file.read_bytes())
    with grpc.secure_channel(f"localhost:{tls.tls_port}", credentials) as channel:
        ping = channel.unary_unary(
            "/agents/hello/a2a/pixell.agent.AgentService/Ping",
            request_serializer=types["Empty"].SerializeToString,
            response_deserializer=types["Pong"].FromString,
        )
        assert [ping(types["Empty"](), timeout=20).message for _ in range(3)] == ["pong"] * 3


def test_websockets_and_event_streams_flow(tls: TlsPac, authority: Authority) -> None:
    url = f"wss://localhost:{tls.tls_port}/agents/hello/api/ws"
    with connect(url, ssl=authority.trust(), open_timeout=20) as web_socket:
        for name in ("Ada", "Grace"):
            web_socket.send(name)
            assert name in web_socket.recv(timeout=20)

    url = f"https://localhost:{tls.tls_port}/agents/hello/api/stream?count=3&delay_ms=300"
    with (
        httpx.Client(verify=authority.trust(), timeout=20) as client,
        client.stream("GET", url) as reply,
    ):
        pieces = [piece for piece in reply.iter_text() if piece]
    assert pieces == [f"data: {n} of 3\n\n" for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("a.test", "a.test"), ("x.b.test", "b.test"), ("b.test", "a.test"), ("else", "a.test")],
)
def test_the_name_chooses_the_certificate(tls: TlsPac, asked: str, shown: str) -> None:
    done = subprocess.run(
        ["openssl", "s_client", "-connect", tls.tls_address, "-servername", asked],
        input="",
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert re.search(rf"subject=CN = {re.escape(shown)}\n", done.stdout), done.stdout


@pytest.mark.parametrize(
    ("version", "is_spoken"),
    [("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)],
)
def test_old_versions_are_refused(tls: TlsPac, version: str, is_spoken: bool) -> None:
    command = ["openssl", "s_client", "-connect", tls.tls_address, version]
    done = subprocess.run(
        [*command, "-cipher", "DEFAULT@SECLEVEL=0"],
        input="",
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert (done.returncode == 0) == is_spoken, done.stderr
    assert ("alert protocol version" in done.stderr) == (not is_spoken)


def test_sessions_are_resumed(tls: TlsPac, authority: Authority) -> None:
    context = authority.trust()
    first = dial(tls, context)
    first.sendall(f"GET {HELLO} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    read_all(first)

    plain = socket.create_connection(("127.0.0.1", tls.tls_port), timeout=30)
    second = context.wrap_socket(plain, server_hostname="a.test", session=first.session)

    assert second.session_reused


def test_clients_are_known_by_their_certificates(
    tls: TlsPac, authority: Authority, clients: Authority
) -> None:
    url = f"https://localhost:{tls.tls_port}{PROBE}/headers"
    claim = ("-H", 'X-Forwarded-Client-Cert: Hash=0;Subject="CN=root"')

    def identify(pair: Pair | None) -> subprocess.CompletedProcess[str]:
        shown = ("--cert", str(pair.certificate), "--key", str(pair.key)) if pair else ()
        return curl(authority, *shown, *claim, url)

    nobody = identify(None)
    good = identify(clients.certify("caller", "URI:spiffe://test/caller"))
    wrong = identify(authority.certify("stranger"))

    assert "x-forwarded-client-cert" not in json.loads(nobody.stdout)
    told = json.loads(good.stdout)["x-forwarded-client-cert"]
    assert re.fullmatch(r'Hash=[0-9a-f]{64};Subject="CN=caller";URI="spiffe://test/caller"', told)
    assert wrong.returncode != 0
    assert wrong.stdout == ""


def test_large_bodies_pass_both_ways(tls: TlsPac, authority: Authority, tmp_path: Path) -> None:
    base = f"https://localhost:{tls.tls_port}{PROBE}"
    body = tmp_path / "body"
    body.write_bytes(b"y" * (32 * MIB))
    for option in ("--http1.1", "--http2"):
        sent = curl(
            authority, option, "-H", "Expect:", "-T", str(body), "-X", "POST", f"{base}/size"
        )
        assert json.loads(sent.stdout) == {"size": 32 * MIB}, sent.stderr
        size = ("-o", "/dev/null", "-w", "%{size_download}")
        got = curl(authority, option, *size, f"{base}/bytes?mib=32")
        assert got.stdout == str(32 * MIB), got.stderr


def test_a_slow_reader_holds_its_agent_back(tls: TlsPac, authority: Authority) -> None:
    edge = tls.role("edge")
    assert edge is not None
    before = memory_mib(edge.pid)
    slow = [dial(tls, authority.trust()) for _ in range(8)]
    for one in slow:
        one.sendall(f"GET {PROBE}/bytes?mib=64 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert one.recv(1).startswith(b"H")

    hello = curl(authority, f"https://localhost:{tls.tls_port}{HELLO}")

    assert hello.returncode == 0, hello.stderr
    # 512 MiB are wanted; without back-pressure the edge would hold them.
    assert memory_mib(edge.pid) - before < 16
    for one in slow:
        one.close()


def test_a_reply_until_close_ends_well_or_is_seen_to_be_cut(
    tls: TlsPac, authority: Authority
) -> None:
    well = dial(tls, authority.trust())
    well.sendall(f"GET {PROBE}/bytes?mib=1 HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    head, _, body = read_all(well).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert len(body) == MIB

    cut = dial(tls, authority.trust())
    cut.sendall(f"GET {PROBE}/bytes?mib=1&ends=badly HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    with pytest.raises((ssl.SSLError, ConnectionError)):
        read_all(cut)
    wait_until("the agent is back", lambda: tls.get(f"{PROBE}/headers").status == 200, 30)


def test_a_client_that_announces_its_end_gets_its_answer(tls: TlsPac, authority: Authority) -> None:
    command = ["openssl", "s_client", "-connect", tls.tls_address, "-CAfile", str(authority.file)]
    request = f"GET {HELLO} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    done = subprocess.run(
        [*command, "-ign_eof", "-quiet", "-verify_return_error"],
        input=request,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.stdout.startswith("HTTP/1.1 200"), done.stderr


def test_plain_requests_are_led_to_https(tls: TlsPac, authority: Authority) -> None:
    plain = http.client.HTTPConnection("127.0.0.1", tls.redirect_port, timeout=10)
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        plain.request(method, f"{HELLO}?name=Ada", body=b"x", headers={"Host": "localhost"})
        reply = plain.getresponse()
        reply.read()
        where = f"https://localhost:{tls.tls_port}{HELLO}?name=Ada"
        assert (reply.status, reply.headers["Location"]) == (308, where)
    plain.request("GET", "/", headers={"Host": "user@elsewhere"})
    assert plain.getresponse().status == 400

    followed = curl(authority, "-L", f"http://localhost:{tls.redirect_port}{HELLO}?name=Ada")
    assert "Ada" in followed.stdout, followed.stderr


def test_plain_http_on_the_port_is_told_to_speak_tls(tls: TlsPac) -> None:
    plain = http.client.HTTPConnection("127.0.0.1", tls.tls_port, timeout=10)
    plain.request("POST", HELLO, body=b"x" * 100_000)
    reply = plain.getresponse()

    assert reply.status == 400
    assert "speaks TLS" in json.loads(reply.read())["error"]


def test_garbage_and_half_handshakes_are_cut(tls: TlsPac, authority: Authority) -> None:
    half = socket.create_connection(("127.0.0.1", tls.tls_port), timeout=30)
    half.sendall(b"\x16\x03\x01\x02")
    for garbage in (b"\0" * 4000, b"\x16\x03\x01\xff\xff" + b"z" * 70_000, b"\xff" * 100):
        peer = socket.create_connection(("127.0.0.1", tls.tls_port), timeout=10)
        try:
            peer.sendall(garbage)
            assert len(read_all(peer)) < 100  # an alert at most
        except ConnectionError:
            pass  # cut before all of it was sent

    assert half.recv(100) == b"", "its deadline ends it"
    assert curl(authority, f"https://localhost:{tls.tls_port}{HELLO}").returncode == 0


class KeptTls:
    """A client that keeps its encrypted connection between requests, as long as the server does."""

    def __init__(self, tls: TlsPac, authority: Authority) -> None:
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", tls.tls_port, timeout=30, context=authority.trust()
        )

    def ask(self) -> None:
        """A request that is answered with 200."""
        try:
            self._connection.request("GET", HELLO, headers={"Host": "localhost"})
            reply = self._connection.getresponse()
            reply.read()
        except Exception:
            self._connection.close()
            raise
        assert reply.status == 200, reply.status


def test_an_upgrade_loses_nothing(tls: TlsPac, authority: Authority) -> None:
    before = tls.role("edge")

    def ask_anew() -> None:
        KeptTls(tls, authority).ask()

    def ask_plainly() -> None:
        plain = http.client.HTTPConnection("127.0.0.1", tls.redirect_port, timeout=30)
        plain.request("GET", HELLO, headers={"Host": "localhost"})
        assert plain.getresponse().status == 308

    calls = {"kept": KeptTls(tls, authority).ask, "new": ask_anew, "redirected": ask_plainly}
    with Calls(calls.items(), pause_s=0.01) as load:
        wait_until("the load runs", lambda: len(load.answers) > 50, 30)
        done = tls.upgrade()
        answered = len(load.answers)
        wait_until("the load goes on", lambda: len(load.answers) > answered + 50, 30)

    assert (done.returncode, done.stdout) == (0, "upgraded\n"), done.stderr
    assert load.failures == []
    assert tls.role("edge") != before
    wait_until("the old edge has drained", lambda: not before.is_running(), 60)


def memory_mib(pid: int) -> float:
    """The proportional set size of a process."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)[1]) / 1024
