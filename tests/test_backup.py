"""`pac backup` while everything runs, `pac restore` into an empty or used state directory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtool.load import Load
from devtool.pac import Pac, free_port, wait_until
from devtool.paths import program
from pixell_testing.database import read_events
from pixell_testing.packages import versioned
from pixell_testing.stack import put

APPS = {"first": ("1", "2"), "second": ("7",)}
CRASH_POINTS = [
    "restore.backup.checked",
    "restore.packages.moved",
    "restore.database.kept",
    "restore.log.removed",
    "restore.database.replaced",
]


def run_pac(*arguments: str | Path, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and everything that was printed."""
    done = subprocess.run(
        [str(program("pac")), *map(str, arguments)],
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def described(pac: Pac, app: str) -> dict:
    """What has to be the same again."""
    answer = pac.app(app)
    return {
        "revisions": [
            {key: revision[key] for key in ("number", "version", "package_sha256")}
            for revision in answer["revisions"]
        ],
        "desired": answer["app"]["desired_revision"],
        "short_id": answer["app"]["short_id"],
        "version": pac.get(f"/agents/{app}/api/version").json()["version"],
        "environment": pac.get(f"/agents/{app}/api/environment/GIVEN").json(),
    }


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[Pac]:
    """A platform that the tests stop and start again."""
    folder = scratch / "backup"
    pac = Pac(folder / "state", free_port(), home=folder)
    pac.start()
    try:
        yield pac
    finally:
        pac.stop()
        pac.kill_all()


@pytest.fixture(scope="module")
def backup(platform: Pac) -> Path:
    """A backup of two apps with three revisions, taken under load."""
    for app, versions in APPS.items():
        for version in versions:
            package = put(platform, f"{app}-{version}.apkg", versioned(version))
            platform.deploy_and_wait(app, package, environment={"GIVEN": f"to {app}"})
    file = platform.home / "a.backup"
    paths = [f"/agents/{app}/api/version" for app in APPS]

    with Load(platform, paths) as load:
        # Deployments are accepted meanwhile, too.
        deployments = [platform.deploy("later", put(platform, "l.apkg", versioned("l")))]
        code, said = run_pac("backup", "--state", platform.state, file)
        deployments.append(platform.deploy("later", put(platform, "m.apkg", versioned("m"))))

    assert code == 0, said
    assert load.failures == []
    for deployment in deployments:
        platform.wait_deployment(deployment)
    return file


def test_a_backup_is_one_private_file_that_says_what_it_holds(platform: Pac, backup: Path) -> None:
    with zipfile.ZipFile(backup) as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        for entry in manifest["entries"]:
            content = archive.read(entry["name"])
            assert hashlib.sha256(content).hexdigest() == entry["sha256"]
            assert len(content) == entry["bytes"]

    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert names[:2] == ["manifest.json", "pixell.db"]
    assert [entry["name"] for entry in manifest["entries"]] == names[1:]
    assert len(names) >= 5  # three packages
    assert manifest["pixell_backup"] == 1
    assert manifest["schema_version"] >= 2
    assert manifest["program_version"]


def test_nothing_is_replaced_without_being_asked(platform: Pac, backup: Path) -> None:
    before = backup.read_bytes()

    again = run_pac("backup", "--state", platform.state, backup)
    in_use = run_pac("restore", "--state", platform.state, backup, "--force")
    absent = run_pac("restore", "--state", platform.state, backup.parent / "none")
    nowhere = run_pac("backup", "--state", backup.parent / "none", backup.parent / "b.backup")

    assert again[0] == 1
    assert "--force" in again[1]
    assert backup.read_bytes() == before
    assert in_use[0] == 1
    assert "another `pac serve` or `pac edge` uses it" in in_use[1]
    assert absent[0] == 3
    assert nowhere[0] == 3
    assert platform.is_healthy()


def test_everything_is_back_after_the_state_was_lost(platform: Pac, backup: Path) -> None:
    before = {app: described(platform, app) for app in APPS}
    platform.stop()
    events = read_events(platform.state / "pixell.db")
    shutil.rmtree(platform.state)

    code, said = run_pac("restore", "--state", platform.state, backup)
    restored = read_events(platform.state / "pixell.db")
    platform.start()

    assert code == 0, said
    assert restored == events[: len(restored)]
    for app in APPS:
        wait_until(
            f"{app} answers",
            lambda app=app: platform.get(f"/agents/{app}/api/version").status == 200,
            120,
        )
    assert {app: described(platform, app) for app in APPS} == before
    # What was accepted before the backup goes on.
    wait_until(
        "the one that was under way has ended",
        lambda: platform.get("/api/deployments/queue/stats").json()["stats"]["processing"] == 0,
        120,
    )
    platform.deploy_and_wait("first", put(platform, "n.apkg", versioned("n")))
    assert platform.get("/agents/first/api/version").json()["version"] == "n"
    platform.stop()
    assert read_events(platform.state / "pixell.db")[: len(restored)] == restored
    platform.start()


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_a_restore_that_is_killed_leaves_one_of_the_two_states(
    platform: Pac, backup: Path, point: str
) -> None:
    newer = platform.home / "newer.backup"
    if not newer.exists():
        assert run_pac("backup", "--state", platform.state, newer)[0] == 0
    state = platform.home / point.removeprefix("restore.")
    assert run_pac("restore", "--state", state, backup)[0] == 0
    old = read_events(state / "pixell.db")

    code, _ = run_pac(
        *("restore", "--force", "--state", state, newer),
        env={"PIXELL_CRASH_POINT": f"{point}@{state}.marker"},
    )
    left = read_events(state / "pixell.db")
    refused = run_pac("restore", "--state", state, newer)
    again, said = run_pac("restore", "--force", "--state", state, newer)

    assert code == -signal.SIGKILL
    assert (left == old) == (point != "restore.database.replaced")
    assert refused[0] == 1
    assert again == 0, said
    new = read_events(state / "pixell.db")
    assert len(new) > len(old)
    assert left in (old, new)
    assert not list(state.glob(".restore-*"))


def test_the_installation_on_aws_comes_along(platform: Pac, backup: Path, scratch: Path) -> None:
    kept = platform.state / "ecs" / "installation"
    kept.parent.mkdir()
    kept.write_text("01first\n")
    of_aws, elsewhere = platform.home / "of-aws.backup", scratch / "elsewhere"
    code, said = run_pac("backup", "--state", platform.state, of_aws)
    shutil.rmtree(kept.parent)
    assert (code, "installation 01first on AWS" in said) == (0, True), said

    code, said = run_pac("restore", "--state", elsewhere, of_aws)
    assert code == 0, said
    restored = elsewhere / "ecs" / "installation"
    assert restored.read_text() == "01first\n"

    restored.write_text("02second\n")
    forced = ("restore", "--force", "--state", elsewhere)
    code, said = run_pac(*forced, of_aws)
    assert (code, f"delete {restored} if nothing of 02second is left on AWS" in said) == (1, True)
    code, said = run_pac(*forced, backup)
    assert (code, restored.read_text()) == (0, "02second\n"), said
