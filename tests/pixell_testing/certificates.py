"""Certificates of the tests' own, made by the openssl program."""

from __future__ import annotations

import dataclasses
import ssl
import subprocess
from pathlib import Path

from devtool.pac import Pac, free_port


def openssl(*arguments: str | Path, text: str = "") -> str:
    """Runs openssl and returns what it prints."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)], input=text, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclasses.dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path

    def install(self, other: Pair) -> None:
        """Puts another pair in the place of this one, as renewals do."""
        for mine, new in ((self.key, other.key), (self.certificate, other.certificate)):
            fresh = mine.with_name(mine.name + ".new")
            fresh.write_bytes(new.read_bytes())
            fresh.replace(mine)


class Authority:
    """Signs certificates; `file` is its own."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = folder / f"{name}.key"
        self.file = folder / f"{name}.pem"
        make = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        where = ("-keyout", self._key, "-out", self.file)
        openssl(*make, *where, "-days", "30", "-subj", f"/CN={name}")

    def certify(self, name: str, alternatives: str = "", days: int = 30) -> Pair:
        """A certificate for `name`; `alternatives` like DNS:a.test,DNS:*.b.test."""
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request = self._folder / f"{name}.csr"
        make = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl(*make, "-keyout", pair.key, "-out", request, "-subj", f"/CN={name}")
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\n" if alternatives else "")
        sign = ("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self._key)
        more = ("-CAcreateserial", "-days", str(days), "-extfile", extensions)
        openssl(*sign, *more, "-out", pair.certificate)
        return pair

    def trust(self, *protocols: str) -> ssl.SSLContext:
        """A client's context that trusts this authority."""
        context = ssl.create_default_context(cafile=self.file)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


class TlsPac(Pac):
    """A platform with an encrypted listener and one that leads to it."""

    def __init__(self, state: Path, *arguments: str | Path, engine: str = "local") -> None:
        self.tls_port = free_port()
        self.redirect_port = free_port()
        super().__init__(
            state,
            free_port(),
            engine=engine,
            arguments=[
                *("--tls-listen", f"127.0.0.1:{self.tls_port}"),
                *("--redirect-listen", f"127.0.0.1:{self.redirect_port}"),
                *map(str, arguments),
            ],
        )
        self.tls_address = f"127.0.0.1:{self.tls_port}"
