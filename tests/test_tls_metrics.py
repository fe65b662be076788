"""What the edge's metrics tell of encrypted connections, asked with clients of others."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from collections import Counter
from pathlib import Path

import httpx
import pytest

from devtool.pac import wait_until
from pixell_testing.certificates import Authority, TlsPac


def sums(pac: TlsPac) -> Counter[str]:
    """The samples about connections and handshakes, of all loops together."""
    counts: Counter[str] = Counter()
    page = httpx.get(f"{pac.url}/v1/edge/metrics", timeout=10)
    for line in page.text.splitlines():
        if line.startswith(("pixell_edge_tls_", "pixell_edge_connections_accepted")):
            key, value = re.sub(r'loop="\d+",?', "", line).split(" ")
            counts[key] += float(value)
    return counts


def test_handshakes_and_connections_are_counted(scratch: Path) -> None:
    authority = Authority(scratch / "counted", "authority")
    pair = authority.certify("localhost", "DNS:localhost")
    files = ("--tls-cert", pair.certificate, "--tls-key", pair.key)
    with TlsPac(scratch / "counted" / "state", *files, engine="fake") as pac:
        before = sums(pac)
        command = ["curl", "-sSf", "--max-time", "30", "--http2", "--cacert", str(authority.file)]
        address = f"https://localhost:{pac.tls_port}/healthz"
        subprocess.run([*command, address], check=True, capture_output=True, timeout=60)
        stranger = ssl.create_default_context()  # does not know the authority
        plain = socket.create_connection(("127.0.0.1", pac.tls_port), timeout=20)
        with plain, pytest.raises(ssl.SSLCertVerificationError):
            stranger.wrap_socket(plain, server_hostname="localhost")

        refused = 'pixell_edge_tls_handshakes_failed_total{reason="our_certificate"}'
        wait_until("the refusal is counted", lambda: (sums(pac) - before)[refused] == 1, 10)
        added = sums(pac) - before
        assert added["pixell_edge_tls_handshake_seconds_count{}"] == 1
        assert added['pixell_edge_connections_accepted_total{protocol="http2",tls="true"}'] == 1
