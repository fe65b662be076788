"""A certificate of the bench's own, for whoever ends TLS."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Certificate:
    """PEM files: a certificate that vouches for itself, and its private key (P-256)."""

    certificate: Path
    key: Path


def self_signed(folder: Path) -> Certificate:
    """Makes one that is valid for two days."""
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", made.key, "-out", made.certificate]
    subprocess.run([*command, *files], check=True, capture_output=True, timeout=30)
    return made
