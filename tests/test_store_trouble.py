"""A full disk, a lock, a damaged database: agents go on, the API says what is wrong and what to do."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtool.load import Load
from devtool.pac import Pac, Reply, free_port, wait_until
from devtool.paths import program
from pixell_testing.packages import versioned
from pixell_testing.stack import put

APP = "steady"
VERSION = f"/agents/{APP}/api/version"
DISK_BYTES = 1 << 29
LOCKED_S = 3


@pytest.fixture(scope="module")
def trouble(scratch: Path) -> Iterator[Pac]:
    """A platform with one app, whose state directory is a disk of its own when we are root."""
    folder = scratch / "trouble"
    disk = folder / "disk"
    disk.mkdir(parents=True)
    is_mounted = os.geteuid() == 0 and (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755", "tmpfs", str(disk)],
            check=False,
        ).returncode
        == 0
    )
    pac = Pac(disk / "state", free_port(), home=folder)
    pac.start()
    try:
        pac.deploy_and_wait(APP, put(pac, "steady.apkg", versioned("1")))
        yield pac
    finally:
        pac.stop()
        pac.kill_all()
        if is_mounted:
            subprocess.run(["umount", "-l", str(disk)], check=True)


def try_deploy(pac: Pac, padding: int = 0) -> Reply:
    """Asks for a deployment that needs so much space in the database."""
    package = put(pac, "next.apkg", versioned("next"))
    body = {
        "agentAppId": "next",
        "packageUrl": package.as_uri(),
        "environment": {"PADDING": "x" * padding},
    }
    return pac.post("/deployments", body, timeout_s=30)


def assert_is_told(reply: Reply, *words: str) -> None:
    """A typed answer that names the file and the remedy."""
    assert reply.status in (503, 507), reply.text
    assert reply.headers["content-type"].startswith("application/problem+json")
    assert reply.json()["status"] == reply.status
    for word in ("pixell.db", *words):
        assert word in reply.json()["detail"], reply.text


def assert_recovers(pac: Pac, app: str) -> None:
    """Healthy again, and deployments work."""
    wait_until("the API is healthy", pac.is_healthy, 30)
    pac.deploy_and_wait(app, put(pac, f"{app}.apkg", versioned(app)))
    assert pac.get(f"/agents/{app}/api/version").json()["version"] == app


def damage(pac: Pac) -> None:
    """Overwrites everything behind the first page of the database."""
    database = pac.state / "pixell.db"
    # What is in the log is read from there.
    other = sqlite3.connect(database)
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    with open(database, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (database.stat().st_size - 4096))


def test_a_full_disk_is_told_and_passes(trouble: Pac) -> None:
    disk = trouble.state.parent
    if not os.path.ismount(disk):
        pytest.skip("A FULL DISK IS NOT TESTED: only root can mount one")
    filler = disk / "filler"

    with Load(trouble, [VERSION] * 2) as load:
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"\0" * (1 << 20)):
                pass
        # A little room is left in the log of the database.
        refused = wait_until(
            "a deployment is refused",
            lambda: next((r for r in [try_deploy(trouble, 60_000)] if r.status != 202), None),
            60,
        )
        health = trouble.get("/healthz")
        listed = trouble.get("/v1/apps")
        filler.unlink()
        assert_recovers(trouble, "space")

    assert load.failures == []
    assert_is_told(refused, "full", "free space")
    assert refused.status == 507
    assert health.status == 503
    assert "free space" in health.text
    assert listed.status == 200


def test_a_lock_is_told_and_passes(trouble: Pac) -> None:
    with Load(trouble, [VERSION] * 2) as load:
        other = sqlite3.connect(trouble.state / "pixell.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            locked_at = time.monotonic()
            refused = try_deploy(trouble)
            health = trouble.get("/healthz")
            wait_until("it was locked long", lambda: time.monotonic() - locked_at > LOCKED_S, 10)
        finally:
            other.close()
        assert_recovers(trouble, "unlocked")

    assert load.failures == []
    assert_is_told(refused, "locked by another process")
    assert refused.headers["retry-after"]
    assert health.status == 503
    assert "locked by another process" in health.text


def test_damage_while_running_is_told_until_a_backup_is_restored(trouble: Pac) -> None:
    backup = trouble.home / "before-damage.backup"
    pac = str(program("pac"))
    subprocess.run([pac, "backup", "--state", str(trouble.state), str(backup)], check=True)

    with Load(trouble, [VERSION] * 2) as load:
        damage(trouble)
        refused = wait_until(
            "a deployment is refused",
            lambda: next((r for r in [try_deploy(trouble)] if r.status != 202), None),
            60,
        )
        health = wait_until(
            "the health says it",
            lambda: next((r for r in [trouble.get("/healthz")] if r.status != 200), None),
            30,
        )
        answered = len(load.answers)
        wait_until("agents answer", lambda: len(load.answers) > answered + 20, 20)
    trouble.stop()
    restore = [pac, "restore", "--force", "--state", str(trouble.state), str(backup)]
    subprocess.run(restore, check=True)
    trouble.start()

    assert load.failures == []
    assert_is_told(refused, "damaged", "restore a backup")
    assert health.status == 503
    assert "restore a backup" in health.text
    wait_until("the agent answers", lambda: trouble.get(VERSION).status == 200, 60)
    assert_recovers(trouble, "restored")


def test_control_tries_on_when_it_cannot_start_with_a_damaged_file(trouble: Pac) -> None:
    control = trouble.role("control")
    assert control is not None
    kept = trouble.home / "kept"
    kept.mkdir()

    with Load(trouble, [VERSION] * 2) as load:
        control.send(signal.SIGSTOP)
        for name in ("pixell.db", "pixell.db-wal"):
            shutil.copy(trouble.state / name, kept / name)
        (trouble.state / "pixell.db").write_bytes(b"no database" * 1000)
        control.send(signal.SIGKILL)
        log = trouble.log
        starts = '"process":"control"'
        wait_until(
            "the log has the reason and control was tried again",
            lambda: log.read_text().count("restore a backup") >= 3,
            60,
        )
        refused = try_deploy(trouble)
    edge = trouble.role("edge")
    assert edge is not None
    edge.send(signal.SIGKILL)
    wait_until("the next edge routes", lambda: answers(trouble), 30)
    for name in ("pixell.db", "pixell.db-wal"):
        shutil.copy(kept / name, trouble.state / name)

    assert load.failures == []
    assert refused.status == 503
    assert refused.headers["content-type"].startswith("application/problem+json")
    assert starts in log.read_text()
    assert_recovers(trouble, "put-back")


def answers(pac: Pac) -> bool:
    """Whether the agent does."""
    try:
        return pac.get(VERSION, timeout_s=5).status == 200
    except OSError:
        return False
