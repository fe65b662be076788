"""UI files as curl and httpx get them from `par`: ranges, conditions, files that were encoded before."""

from __future__ import annotations

import gzip
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pixell_testing.packages import from_files
from pixell_testing.stack import Par

BASE = "/agents/test-agent"
SCRIPT = b"".join(b"export const line_%d = %d;\n" % (i, i * i) for i in range(20_000))
VIDEO = bytes(range(256)) * 12_000  # 3 MiB: sent as a file
PROTOCOLS = {"http/1.1": "--http1.1", "h2": "--http2-prior-knowledge"}


def stored_brotli(content: bytes) -> bytes:
    """A Brotli stream (RFC 7932) of uncompressed meta-blocks: no compressor is needed for it."""
    stream = bytearray()
    window_bits = 1  # of the first byte: 0 = a window of 64 KiB
    for at in range(0, len(content), 1 << 16):
        piece = content[at : at + (1 << 16)]
        header = ((len(piece) - 1) << 3 | 1 << 19) << window_bits
        stream += header.to_bytes(3, "little") + piece
        window_bits = 0
    return bytes(stream) + b"\x03"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with a UI alone."""
    path = tmp_path_factory.mktemp("package") / "ui.apkg"
    path.write_bytes(
        from_files(
            {
                "agent.yaml": 'name: files\nversion: "1.0"\nui: {path: ui}\n',
                "ui/index.html": "<html>page</html>",
                "ui/app.js": SCRIPT,
                "ui/app.js.gz": gzip.compress(SCRIPT, mtime=0),
                "ui/app.js.br": stored_brotli(SCRIPT),
                "ui/video.mp4": VIDEO,
            }
        )
    )
    return path


@pytest.fixture(scope="module")
def files(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Par]:
    """`par` with a UI alone."""
    folder = tmp_path_factory.mktemp("ui")
    with Par(folder / "par", package, base_path=BASE) as running:
        yield running.wait_ready()


@pytest.fixture(params=list(PROTOCOLS))
def client(files: Par, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """httpx with one of the protocols, at the UI's folder."""
    is_h2 = request.param == "h2"
    with httpx.Client(base_url=f"{files.url}{BASE}/ui/", http1=not is_h2, http2=is_h2) as opened:
        yield opened


def curl(files: Par, name: str, *options: str) -> bytes:
    command = ["curl", "--silent", "--show-error", "--fail", "--max-time", "30", *options]
    done = subprocess.run(
        [*command, f"{files.url}{BASE}/ui/{name}"], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("protocol", PROTOCOLS.values())
def test_curl_gets_ranges(files: Par, protocol: str) -> None:
    assert curl(files, "video.mp4", protocol, "-r", "1000000-2999999") == VIDEO[1_000_000:3_000_000]
    assert curl(files, "video.mp4", protocol, "-r", "-7") == VIDEO[-7:]
    assert curl(files, "", protocol, "-r", "6-9") == b"page"
    # Several ranges are answered with the whole.
    assert curl(files, "", protocol, "-r", "0-1,3-4") == b"<html>page</html>"


@pytest.mark.parametrize("protocol", PROTOCOLS.values())
def test_curl_goes_on_where_it_stopped(files: Par, tmp_path: Path, protocol: str) -> None:
    begun = tmp_path / "video.mp4"
    begun.write_bytes(VIDEO[:1_234_567])

    curl(files, "video.mp4", protocol, "-C", "-", "-o", str(begun))

    assert begun.read_bytes() == VIDEO


@pytest.mark.parametrize("protocol", PROTOCOLS.values())
def test_curl_is_sent_and_undoes_either_coding(files: Par, protocol: str) -> None:
    written = "%{stderr}%header{content-encoding} %header{content-type} %{size_download}"
    for accepted, sent in (("br, gzip", len(stored_brotli(SCRIPT))), ("gzip", None)):
        options = [protocol, "--compressed", "-H", f"Accept-Encoding: {accepted}", "-w", written]
        assert curl(files, "app.js", *options) == SCRIPT
        raw = curl(files, "app.js", protocol, "-H", f"Accept-Encoding: {accepted}")
        assert len(raw) == (sent or len(gzip.compress(SCRIPT, mtime=0)))
    assert curl(files, "app.js", protocol, "--compressed") == SCRIPT
    assert curl(files, "app.js", protocol) == SCRIPT


def test_an_encoded_file_has_the_fields_of_its_own(client: httpx.Client) -> None:
    plain = client.get("app.js", headers={"Accept-Encoding": "identity"})
    encoded = client.get("app.js", headers={"Accept-Encoding": "gzip"})
    head = client.head("app.js", headers={"Accept-Encoding": "gzip"})

    assert plain.content == encoded.content == SCRIPT
    assert encoded.headers["content-encoding"] == head.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert encoded.headers["content-type"] == plain.headers["content-type"]
    assert encoded.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert encoded.headers["etag"] == head.headers["etag"] != plain.headers["etag"]
    assert encoded.headers["content-length"] == head.headers["content-length"]
    assert int(head.headers["content-length"]) < len(SCRIPT) / 2
    assert head.content == b""
    liked = client.get("app.js", headers={"Accept-Encoding": "gzip;q=0.3, identity;q=0.8"})
    assert "content-encoding" not in liked.headers
    assert "vary" not in client.get("video.mp4").headers


def test_ranges_of_an_encoded_file_are_put_together(client: httpx.Client) -> None:
    accepts = {"Accept-Encoding": "gzip"}
    size = int(client.head("app.js", headers=accepts).headers["content-length"])
    pieces = []
    for part in (f"bytes=0-{size // 2}", f"bytes={size // 2 + 1}-"):
        with client.stream("GET", "app.js", headers={**accepts, "Range": part}) as reply:
            assert reply.status_code == 206
            assert reply.headers["content-encoding"] == "gzip"
            assert reply.headers["content-range"].endswith(f"/{size}")
            pieces.append(b"".join(reply.iter_raw()))

    assert zlib.decompress(b"".join(pieces), wbits=31) == SCRIPT


def test_conditions_decide_before_ranges(client: httpx.Client) -> None:
    first = client.get("video.mp4", headers={"Range": "bytes=0-99"})
    etag, date = first.headers["etag"], first.headers["last-modified"]

    def status(**fields: str) -> int:
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        with client.stream("GET", "video.mp4", headers=named) as reply:
            return reply.status_code

    part = "bytes=100-"
    assert (first.status_code, first.content) == (206, VIDEO[:100])
    assert first.headers["accept-ranges"] == "bytes"
    assert status(Range=part, If_Range=etag) == 206
    assert status(Range=part, If_Range=f"W/{etag}") == 200
    assert status(Range=part, If_Range='"other"') == 200
    assert status(Range=part, If_None_Match=etag) == 304
    assert status(If_Modified_Since=date) == 304
    assert status(If_Modified_Since=date, If_None_Match='"other"') == 200
    assert status(Range=part, If_Match='"other"') == 412
    assert status(If_Unmodified_Since="Sun, 06 Nov 1994 08:49:37 GMT") == 412
    assert status(If_Unmodified_Since=date) == 200


def test_a_range_behind_the_end_is_refused(client: httpx.Client) -> None:
    refused = client.get("video.mp4", headers={"Range": f"bytes={len(VIDEO)}-"})
    head = client.head("video.mp4", headers={"Range": f"bytes={len(VIDEO)}-"})

    assert refused.status_code == 416
    assert refused.headers["content-range"] == f"bytes */{len(VIDEO)}"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["status"] == 416
    # Ranges are for GET alone.
    assert (head.status_code, int(head.headers["content-length"])) == (200, len(VIDEO))


def test_what_one_instance_gave_is_unchanged_at_another(
    files: Par, package: Path, tmp_path: Path
) -> None:
    with Par(tmp_path / "par", package, base_path=BASE) as other:
        other.wait_ready()
        for name in ("index.html", "app.js", "video.mp4"):
            etag = httpx.get(f"{files.url}{BASE}/ui/{name}").headers["etag"]
            again = httpx.get(f"{other.url}{BASE}/ui/{name}", headers={"If-None-Match": etag})
            part = {"Range": "bytes=0-3", "If-Range": etag}

            assert again.status_code == 304
            assert httpx.get(f"{other.url}{BASE}/ui/{name}", headers=part).status_code == 206
