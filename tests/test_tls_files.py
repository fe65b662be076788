"""Certificates that are replaced while requests run, refused at the start, or asked of clients."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtool.pac import free_port, wait_until
from devtool.paths import program
from pixell_testing.certificates import Authority, Pair, TlsPac

RELOAD_DEADLINE_S = 10
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def authority(scratch: Path) -> Authority:
    return Authority(scratch / "renewals", "authority")


@pytest.fixture
def pair(authority: Authority, tmp_path: Path) -> Pair:
    """A pair of the test's own, which it may replace."""
    made = authority.certify("first", "DNS:localhost")
    own = Pair(tmp_path / "cert.pem", tmp_path / "key.pem")
    own.install(made)
    return own


@contextlib.contextmanager
def platform(state: Path, pair: Pair, *arguments: str | Path) -> Iterator[TlsPac]:
    files = ("--tls-cert", pair.certificate, "--tls-key", pair.key)
    with TlsPac(state, *files, *arguments, engine="fake") as pac:
        yield pac


def dial(pac: TlsPac, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", pac.tls_port), timeout=20)
    return context.wrap_socket(plain, server_hostname="localhost")


def answer(peer: ssl.SSLSocket) -> bytes:
    peer.sendall(REQUEST)
    received = bytearray()
    while piece := peer.recv(65536):
        received += piece
    return bytes(received)


def shown_name(pac: TlsPac, authority: Authority) -> str:
    """The common name of the certificate a new connection is shown."""
    with dial(pac, authority.trust()) as peer:
        return dict(field for (field,) in peer.getpeercert()["subject"])["commonName"]


def lines_of(pac: TlsPac, event: str) -> list[dict]:
    lines = [json.loads(line) for line in pac.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if event in line["event"]]


def test_certificates_are_replaced_while_requests_run(
    scratch: Path, authority: Authority, pair: Pair
) -> None:
    with platform(scratch / "renew" / "state", pair) as pac:
        lasting = dial(pac, authority.trust())
        is_over = threading.Event()
        failures: list[str] = []
        counts = [0, 0, 0]

        def keep_asking(place: int) -> None:
            while not is_over.is_set():
                try:
                    with dial(pac, authority.trust()) as peer:
                        reply = answer(peer)
                    if not reply.startswith(b"HTTP/1.1 200"):
                        failures.append(reply[:100].decode())
                    counts[place] += 1
                except OSError as error:
                    failures.append(repr(error))

        askers = [threading.Thread(target=keep_asking, args=(i,)) for i in range(len(counts))]
        for asker in askers:
            asker.start()
        for generation in range(1, 6):
            name = f"renewed-{generation}"
            pair.install(authority.certify(name, "DNS:localhost"))
            wait_until(
                "the new one is shown",
                lambda name=name: shown_name(pac, authority) == name,
                RELOAD_DEADLINE_S,
            )
        is_over.set()
        for asker in askers:
            asker.join()

        assert failures == []
        assert min(counts) > 5
        assert answer(lasting).startswith(b"HTTP/1.1 200"), "a connection outlives its certificate"
        assert len(lines_of(pac, "TLS certificate in force")) == 6


def test_a_bad_pair_leaves_the_former_one_in_force(
    scratch: Path, authority: Authority, pair: Pair
) -> None:
    with platform(scratch / "bad" / "state", pair) as pac:
        pair.key.write_text(authority.certify("other").key.read_text())
        wait_until("it is refused", lambda: lines_of(pac, "refused"), RELOAD_DEADLINE_S)

        (line,) = lines_of(pac, "TLS certificate refused; the former one stays in force")
        assert line["file"] == str(pair.certificate)
        assert f"TLS key {pair.key}: it does not belong to" in line["reason"]
        assert shown_name(pac, authority) == "first"

        pair.install(authority.certify("second", "DNS:localhost"))
        edge = pac.role("edge")
        assert edge is not None
        edge.send(signal.SIGHUP)
        wait_until(
            "the good one is shown",
            lambda: shown_name(pac, authority) == "second",
            RELOAD_DEADLINE_S,
        )
        assert pac.role("edge").pid == edge.pid


def test_an_edge_started_anew_beside_bad_files_serves_what_it_can(
    scratch: Path, authority: Authority, pair: Pair
) -> None:
    with platform(scratch / "anew" / "state", pair) as pac:
        pair.key.write_text("nonsense")
        edge = pac.role("edge")
        assert edge is not None
        edge.send(signal.SIGKILL)
        assert edge.wait_end(10)
        wait_until("plain listeners are served", pac.is_healthy, RELOAD_DEADLINE_S)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            dial(pac, authority.trust())

        pair.install(authority.certify("mended", "DNS:localhost"))

        def is_mended() -> bool:
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                return shown_name(pac, authority) == "mended"
            return False

        wait_until("TLS is back", is_mended, RELOAD_DEADLINE_S)


def test_clients_must_show_a_certificate_when_it_is_required(
    scratch: Path, authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    clients = Authority(tmp_path, "clients")
    with platform(scratch / "mtls" / "state", pair, "--tls-client-ca", clients.file) as pac:

        def outcome(shown: Pair | None) -> str:
            context = authority.trust()
            if shown:
                context.load_cert_chain(shown.certificate, shown.key)
            try:
                with dial(pac, context) as peer:
                    return answer(peer)[:12].decode()
            except (ssl.SSLError, ConnectionError) as error:
                return str(error)

        assert outcome(clients.certify("caller")) == "HTTP/1.1 200"
        assert "certificate required" in outcome(None).lower()
        assert "unknown ca" in outcome(authority.certify("stranger")).lower()
        assert [line["level"] for line in lines_of(pac, "TLS handshake failed")] == ["info"]


def test_an_edge_with_tls_stays_small(scratch: Path, authority: Authority, pair: Pair) -> None:
    with platform(scratch / "small" / "state", pair) as pac:
        edge = pac.role("edge")
        assert edge is not None
        before = pss_kib(edge.pid)
        with contextlib.ExitStack() as stack:
            idle = [stack.enter_context(dial(pac, authority.trust("http/1.1"))) for _ in range(200)]
            wait_until("they are idle", lambda: all(one.version() for one in idle), 10)
            for_each = (pss_kib(edge.pid) - before) / len(idle)

        print(f"edge with TLS: {before} KiB idle, {for_each:.1f} KiB for each idle connection")
        assert before < 8 * 1024
        assert for_each < 40


@pytest.mark.parametrize("what", ["mismatch", "absent", "encrypted", "no_authority"])
def test_what_is_wrong_with_the_files_is_told_at_the_start(
    scratch: Path, authority: Authority, pair: Pair, tmp_path: Path, what: str
) -> None:
    other = authority.certify("other")
    arguments: dict[str, tuple[object, ...]] = {
        "mismatch": ("--tls-cert", pair.certificate, "--tls-key", other.key),
        "absent": ("--tls-cert", tmp_path / "none.pem", "--tls-key", pair.key),
        "encrypted": ("--tls-cert", pair.certificate, "--tls-key", tmp_path / "locked.key"),
        "no_authority": (
            *("--tls-cert", pair.certificate, "--tls-key", pair.key),
            *("--tls-client-ca", pair.key),
        ),
    }
    told = {
        "mismatch": f"TLS key {other.key}: it does not belong to the first certificate",
        "absent": f"TLS certificate {tmp_path / 'none.pem'}: .*; name a PEM file",
        "encrypted": f"TLS key {tmp_path / 'locked.key'}: it is encrypted with a passphrase",
        "no_authority": f"TLS client CA {pair.key}: certificate 1 of it is no PEM certificate",
    }
    lock = ["openssl", "pkey", "-in", pair.key, "-aes256", "-passout", "pass:x"]
    subprocess.run([*lock, "-out", tmp_path / "locked.key"], check=True, timeout=30)

    done = subprocess.run(
        [
            *(program("pac"), "serve", "--state", scratch / "told" / what, "--engine", "fake"),
            *("--listen", "127.0.0.1:0", "--tls-listen", f"127.0.0.1:{free_port()}"),
            *arguments[what],
        ],
        env={"PIXELL_ALSO_LISTEN": "none", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode == 1, done.stdout
    assert re.search(told[what], json.loads(done.stdout.splitlines()[-1])["error"]), done.stdout


def test_an_expired_certificate_is_served_with_a_warning(
    scratch: Path, authority: Authority, pair: Pair
) -> None:
    pair.install(authority.certify("old", "DNS:localhost", days=-1))
    with platform(scratch / "expired" / "state", pair) as pac:
        assert pac.get("/healthz").status == 200
        assert lines_of(pac, "TLS certificate has expired")[0]["level"] == "warning"
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            dial(pac, authority.trust())


def pss_kib(pid: int) -> int:
    """The proportional set size of a process."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)[1])
