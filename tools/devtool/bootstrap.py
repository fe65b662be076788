"""`./dev bootstrap`: installs what is missing from Debian and PyPI. A second run does nothing."""

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from devtool.paths import DEV_DIR, ROOT, SYSTEM_PYTHON, VENV, VENV_PYTHON
from devtool.shell import Failure, run, say

PACKAGES_FILE = ROOT / "tools" / "debian-packages.txt"
REQUIREMENTS_FILE = ROOT / "tools" / "requirements.txt"
OS_RELEASE = Path("/etc/os-release")
APT_TRIES = 3
# Debian asks this program before a package starts a service (policy-rc.d, exit 101 = do not).
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_MARK = "# written by ./dev bootstrap, removed when it is done"
# The benchmarks start these themselves; the packaged services must not take ports, not after the
# next boot either.
PEER_SERVICES = {
    "nginx-light": ["update-rc.d", "nginx", "disable"],
    "haproxy": ["update-rc.d", "haproxy", "disable"],
    # It has no init script; the helper works without systemd too.
    "caddy": [
        "env",
        "DPKG_MAINTSCRIPT_PACKAGE=caddy",
        "deb-systemd-helper",
        "disable",
        "caddy.service",
    ],
}


def bootstrap() -> None:
    """Brings the machine and the checkout to what building and testing need."""
    check_machine()
    DEV_DIR.mkdir(exist_ok=True)
    with only_one_at_a_time():
        did_install = install_debian_packages(listed_packages())
        did_install |= install_python_packages()
    if did_install:
        say("bootstrap: done")


def check_machine() -> None:
    """Failure unless this is the system the product is built and tested on."""
    release = {}
    with contextlib.suppress(FileNotFoundError):
        for line in OS_RELEASE.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            release[key] = value.strip('"')
    name = release.get("PRETTY_NAME", "an unknown system")
    if (release.get("ID"), release.get("VERSION_ID")) != ("debian", "12"):
        raise Failure(
            f"this tree builds on Debian 12 (bookworm), and this is {name}. "
            'A container does: docker run -it -v "$PWD":/src -w /src debian:12 bash'
        )
    if platform.machine() != "x86_64":
        raise Failure(f"this tree builds on x86-64, and this machine is {platform.machine()}")


@contextlib.contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Two commands in one checkout must not install side by side."""
    with open(DEV_DIR / "bootstrap.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("bootstrap: waiting for another ./dev in this checkout")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# ------------------------------------------------------------------------------ Debian


def listed_packages() -> list[str]:
    """The names in debian-packages.txt, but for those whose program another package brought."""
    names = []
    for line in PACKAGES_FILE.read_text(encoding="utf-8").splitlines():
        name, _, program = line.partition("#")[0].strip().partition(" unless ")
        if name and not (program and shutil.which(program)):
            names.append(name)
    return names


def missing_packages(wanted: list[str]) -> list[str]:
    """Those of `wanted` that dpkg does not list as installed."""
    listing = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *wanted],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # it names unknown packages there; they are our answer
        text=True,
        timeout=60,
        check=False,
    ).stdout
    installed = {line.split()[0] for line in listing.splitlines() if line.endswith(" installed")}
    return [name for name in wanted if name not in installed]


def install_debian_packages(wanted: list[str]) -> bool:
    """Installs those of `wanted` that are missing. Returns whether there was anything to do."""
    missing = missing_packages(wanted)
    if not missing and not policy_is_ours():
        return False
    if missing:
        say(f"bootstrap: installing {len(missing)} Debian packages: {' '.join(missing)}")
    root = as_root(missing)
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    apt += ["-o", "Acquire::Retries=5", "-o", "DPkg::Lock::Timeout=300"]
    with services_kept_stopped(root):
        if missing:
            retry(root, [*apt, "update"])
            retry(root, [*apt, "install", "-y", "--no-install-recommends", *missing])
    for package in [name for name in PEER_SERVICES if name in missing]:
        run_as_root(root, PEER_SERVICES[package])
    still_missing = missing_packages(missing)
    if still_missing:
        raise Failure(f"apt-get did not install {' '.join(still_missing)}")
    return True


def as_root(missing: list[str]) -> list[str]:
    """What to put before a command that needs root."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        raise Failure(
            "installing Debian packages needs root and there is no sudo; as root, run: "
            f"apt-get install -y --no-install-recommends {' '.join(missing)}"
        )
    say("bootstrap: apt needs root, so sudo may ask for your password")
    return ["sudo"] if sys.stdin is not None and sys.stdin.isatty() else ["sudo", "-n"]


def retry(root: list[str], argv: list[str]) -> None:
    """Runs an apt command up to APT_TRIES times: mirrors fail now and then."""
    for attempt in range(1, APT_TRIES + 1):
        # Not devtool.shell.run: sudo needs the terminal to ask for a password.
        code = subprocess.run(argv, timeout=1800, check=False).returncode
        if code == 0:
            return
        if attempt < APT_TRIES:
            say(f"bootstrap: apt ended with {code}; trying again in {5 * attempt} s")
            time.sleep(5 * attempt)
            # An installation that was cut off must be completed before the next one.
            run_as_root(root, ["dpkg", "--configure", "-a"])
    raise Failure(f"{' '.join(argv[:8])} … failed {APT_TRIES} times")


@contextlib.contextmanager
def services_kept_stopped(root: list[str]) -> Iterator[None]:
    """Packages installed meanwhile do not start their services."""
    if not POLICY.exists():
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as script:
            script.write(f"#!/bin/sh\n{POLICY_MARK}\nexit 101\n")
            script.flush()
            run_as_root(root, ["install", "-m", "755", script.name, str(POLICY)])
    try:
        yield
    finally:
        if policy_is_ours():
            run_as_root(root, ["rm", "-f", str(POLICY)])


def policy_is_ours() -> bool:
    """Whether our own policy is in force, also one that a killed run left behind."""
    return POLICY.exists() and POLICY_MARK in POLICY.read_text(encoding="utf-8")


def run_as_root(root: list[str], argv: list[str]) -> None:
    """A short command that must succeed."""
    code = subprocess.run([*root, *argv], timeout=600, check=False).returncode
    if code != 0:
        raise Failure(f"{' '.join(argv)} ended with {code}")


# -------------------------------------------------------------------------------- PyPI


def install_python_packages() -> bool:
    """Makes .dev/venv with the pinned requirements. Returns whether there was anything to do."""
    wanted = hashlib.sha256(REQUIREMENTS_FILE.read_bytes())
    wanted.update(os.path.realpath(SYSTEM_PYTHON).encode())
    stamp = VENV / "requirements.sha256"
    if VENV_PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted.hexdigest():
        return False
    say(f"bootstrap: installing the Python packages of {REQUIREMENTS_FILE.relative_to(ROOT)}")
    shutil.rmtree(VENV, ignore_errors=True)
    if run([SYSTEM_PYTHON, "-m", "venv", VENV], timeout_s=300) != 0:
        raise Failure("cannot make a Python virtual environment")
    install = [VENV_PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    install += ["--retries", "5", "--require-hashes", "-r", REQUIREMENTS_FILE]
    if run(install, timeout_s=1800) != 0:
        raise Failure("pip could not install the Python packages; run ./dev bootstrap again")
    stamp.write_text(wanted.hexdigest())
    return True
