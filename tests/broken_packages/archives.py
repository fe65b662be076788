"""Files that are no package: what uploads, zip tools and attackers make of an archive."""

from __future__ import annotations

import io
import random
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable

from broken_packages.row import MANIFEST, ROUTES, Broken, files
from devtool.apkg import EPOCH, add_entry

#: Where the entry with an absolute path would be written.
ESCAPED = "/tmp/pixell-broken-package-escaped.txt"
#: Members of an entry in the table of contents: offset and format.
_FLAGS, _METHOD, _SIZE = (8, "<H"), (10, "<H"), (24, "<I")
_ENCRYPTED = 1
_MIB = 1 << 20


def not_a_zip() -> bytes:
    """What a download of an error page looks like."""
    return b"<html><body>404 Not Found</body></html>\n" * 20


def with_entries(*entries: tuple[str, bytes]) -> bytes:
    """An agent that is fine, and after it these entries as they are."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # a name that is there twice is the point
        add_entry(archive, "agent.yaml", MANIFEST.encode())
        add_entry(archive, "routes.py", ROUTES.encode())
        for name, content in entries:
            add_entry(archive, name, content)
    return buffer.getvalue()


def entry(name: str, content: bytes = b"outside") -> Callable[[], bytes]:
    """with_entries() of one more entry, for a row."""
    return lambda: with_entries((name, content))


def special(kind: int, target: bytes = b"") -> Callable[[], bytes]:
    """An agent with an entry that is no file but a link, a device …"""

    def make() -> bytes:
        buffer = io.BytesIO(with_entries())
        with zipfile.ZipFile(buffer, "a") as archive:
            found = zipfile.ZipInfo("special", EPOCH)
            found.external_attr = (kind | 0o777) << 16
            archive.writestr(found, target)
        return buffer.getvalue()

    return make


def patched(name: str, field: tuple[int, str], value: int) -> Callable[[], bytes]:
    """An agent whose table of contents says something else of one entry."""

    def make() -> bytes:
        content = bytearray(with_entries(("model.bin", b"weights")))
        at = content.rindex(name.encode()) - 46  # a header of 46 bytes, then the name
        assert content[at : at + 4] == b"PK\x01\x02"
        struct.pack_into(field[1], content, at + field[0], value)
        return bytes(content)

    return make


def damaged() -> bytes:
    """One bit of the routes has changed on the way."""
    content = bytearray(with_entries())
    at = content.index(b"routes.py") + len(b"routes.py") + 4
    content[at] ^= 1
    return bytes(content)


def too_many_entries() -> bytes:
    """A package with its virtual environment, its caches, its whole history."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(50_001):
            archive.writestr(zipfile.ZipInfo(f"venv/{number}", EPOCH), b"")
    return buffer.getvalue()


def of_one_and_a_half_megabytes() -> bytes:
    """Fine, and larger than a limit of 1 MB."""
    return with_entries(("data.bin", random.Random(1).randbytes(3 * _MIB // 2)))


ROWS = (
    Broken("not a zip", not_a_zip, "not_a_zip", "404 Not Found", "plain zip", True),
    Broken("empty file", lambda: b"", "not_a_zip", "0 bytes", "plain zip", True),
    Broken("no entries", files({}), "not_a_zip", "no entries", "plain zip", True),
    Broken("cut short", lambda: with_entries()[:-30], "not_a_zip", "cut short", "plain zip", True),
    Broken("damaged", damaged, "not_a_zip", "routes.py", "plain zip", True),
    Broken(
        "size that lies",
        patched("model.bin", _SIZE, 9),
        "not_a_zip",
        "model.bin",
        "plain zip",
        True,
    ),
    Broken(
        "unknown compression",
        patched("model.bin", _METHOD, 97),
        "not_a_zip",
        "model.bin",
        "plain zip",
        True,
    ),
    Broken(
        "zip slip",
        entry("../../escaped.txt"),
        "unsafe_archive",
        '"../../escaped.txt" holds ".."',
        "stay inside",
        True,
    ),
    Broken(
        "absolute path", entry(ESCAPED), "unsafe_archive", f'"{ESCAPED}" is', "stay inside", True
    ),
    Broken(
        "drive", entry("C:/escaped.txt"), "unsafe_archive", '"C:/escaped.txt"', "stay inside", True
    ),
    Broken(
        "backslash", entry("..\\escaped.txt"), "unsafe_archive", "a backslash", "stay inside", True
    ),
    Broken(
        "symbolic link",
        special(stat.S_IFLNK, b"/etc/passwd"),
        "unsafe_archive",
        '"special" is a symbolic link',
        "stay inside",
        True,
    ),
    Broken(
        "device",
        special(stat.S_IFCHR),
        "unsafe_archive",
        '"special" is a device',
        "stay inside",
        True,
    ),
    Broken(
        "duplicate entry",
        entry("routes.py"),
        "unsafe_archive",
        '"routes.py" is there twice',
        "stay inside",
        True,
    ),
    Broken(
        "file and folder",
        lambda: with_entries(("ui", b"x"), ("ui/index.html", b"x")),
        "unsafe_archive",
        '"ui/index.html" lies below a file',
        "stay inside",
        True,
    ),
    Broken(
        "encrypted",
        patched("model.bin", _FLAGS, _ENCRYPTED),
        "unsafe_archive",
        '"model.bin" is encrypted',
        "without a password",
        True,
    ),
    Broken(
        "control character",
        entry("a\nb.py"),
        "unsafe_archive",
        "a\\x0ab.py",
        "stay inside",
        True,
    ),
    Broken(
        "nested too deep",
        entry("d/" * 70 + "x"),
        "unsafe_archive",
        "deeper than 64",
        "stay inside",
        True,
    ),
    Broken(
        "name too long", entry("n" * 300), "unsafe_archive", "longer than 255", "stay inside", True
    ),
    Broken(
        "zip bomb",
        entry("zeros.bin", bytes(40 * _MIB)),
        "unsafe_archive",
        '"zeros.bin" with 41943040 bytes',
        "padding",
        True,
    ),
    Broken(
        "too many entries",
        too_many_entries,
        "package_too_large",
        "venv/50000",
        "out of the package",
        True,
    ),
    Broken(
        "one huge entry",
        patched("model.bin", _SIZE, 600 * _MIB),
        "package_too_large",
        '"model.bin" unpacks to 629145600',
        "large files out",
        True,
    ),
    Broken(
        "over the size limit",
        of_one_and_a_half_megabytes,
        "package_too_large",
        "MAX_PACKAGE_SIZE_MB allows 1 MB",
        "raise MAX_PACKAGE_SIZE_MB",
        env={"MAX_PACKAGE_SIZE_MB": "1"},
    ),
    Broken(
        "another digest",
        with_entries,
        "digest_mismatch",
        "expected " + "0" * 64,
        "give the SHA-256",
        env={"PACKAGE_SHA256": "0" * 64},
    ),
)
