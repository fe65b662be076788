"""deploy/: the units install into a scratch root and verify, and the compose file is read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from devtool.pac import Pac, free_port, wait_until
from devtool.paths import program
from pixell_testing.packages import build
from pixell_testing.stack import upload

AGENTS = Path(__file__).parent / "agents"
DEPLOY = Path(__file__).parents[1] / "deploy"
RUN_DEADLINE_S = 120
COMPOSE_VARIABLES = {
    "PAR_IMAGE": "par-local:test",
    "AGENT_ONE_ID": "hello",
    "AGENT_ONE_URL": "https://packages.example.com/hello.apkg",
    "AGENT_ONE_SHA256": "0" * 64,
}


def run(*argv: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A program with its output."""
    return subprocess.run(
        [str(each) for each in argv],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=RUN_DEADLINE_S,
        check=False,
    )


@pytest.fixture(scope="module")
def root(scratch: Path) -> Iterator[Path]:
    """A root file system with Pixell installed as a service."""
    folder = scratch / "root"
    done = run(
        DEPLOY / "systemd" / "install.sh", "--root", folder, "--programs", program("pac").parent
    )
    assert done.returncode == 0, done.stderr
    yield folder
    shutil.rmtree(folder)


def settings(unit: Path) -> dict[str, list[str]]:
    """What a unit sets, by name."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text(encoding="ascii").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def test_the_units_are_enabled_in_another_root(root: Path) -> None:
    for unit in ("pixell.service", "pixell-backup.timer"):
        done = run("systemctl", f"--root={root}", "is-enabled", unit)
        assert done.stdout.strip() == "enabled", unit
    settings_file = root / "etc" / "pixell" / "pixell.env"
    assert settings_file.stat().st_mode & 0o077 == 0
    # Installing again is an update: it keeps the operator's settings.
    settings_file.write_text("PIXELL_OPTIONS=--listen 127.0.0.1:4001\n", encoding="ascii")
    again = run(
        DEPLOY / "systemd" / "install.sh", "--root", root, "--programs", program("pac").parent
    )
    assert again.returncode == 0, again.stderr
    assert "4001" in settings_file.read_text(encoding="ascii")


def test_systemd_takes_the_units(root: Path) -> None:
    for target in ("multi-user.target", "network-online.target", "timers.target", "sysinit.target"):
        source = Path("/lib/systemd/system") / target
        place = root / "lib" / "systemd" / "system" / target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)
    for tool in ("bin/sh", "usr/bin/find"):
        place = root / tool
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(f"/{tool}", place)
    units = ["pixell.service", "pixell-backup.service", "pixell-backup.timer"]
    done = run("systemd-analyze", "verify", f"--root={root}", "--man=no", *units)

    told = [line for line in (done.stdout + done.stderr).splitlines() if "pixell" in line]
    assert done.returncode == 0, told
    assert told == []


def test_the_service_lets_roles_and_agents_outlive_it() -> None:
    unit = settings(DEPLOY / "systemd" / "pixell.service")

    assert unit["KillMode"] == ["process"]
    assert unit["Restart"] == ["always"]
    assert unit["Delegate"] == ["yes"]
    assert unit["OOMPolicy"] == ["continue"]
    assert unit["ExecReload"][0].startswith("/opt/pixell/bin/pac upgrade ")


@pytest.mark.skipif(os.geteuid() != 0, reason="capabilities are root's")
def test_the_capabilities_of_the_unit_are_enough(
    root: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The installed programs, with nothing but what the unit grants, run and isolate an agent."""
    unit = settings(DEPLOY / "systemd" / "pixell.service")
    granted = " ".join(unit["CapabilityBoundingSet"]).lower().replace("cap_", "+").split()
    wrapper = scratch / "granted"
    wrapper.mkdir()
    script = wrapper / "pac"
    script.write_text(
        "#!/bin/sh\nexec setpriv --no-new-privs "
        f"--bounding-set=-all,{','.join(granted)} {root}/opt/pixell/bin/pac \"$@\"\n",
        encoding="ascii",
    )
    script.chmod(0o755)
    scratch.chmod(0o711)  # the agent's user passes through
    monkeypatch.setenv("PIXELL_BIN_DIR", str(wrapper))
    pac = Pac(scratch / "unit", free_port(), home=scratch)
    pac.start()
    try:
        # A program, so that nothing has to be installed.
        deployed = upload(pac, "hello", build(AGENTS / "exec_script"))
        assert deployed.status == 202, deployed.text
        wait_until(
            "the agent answers",
            lambda: pac.get("/agents/hello/api/x").status == 200,
            RUN_DEADLINE_S,
        )
        assert "Isolation is degraded" not in pac.log_tail(10_000)
    finally:
        pac.stop()
        pac.kill_all()


def test_compose_reads_the_file_and_takes_rights_away() -> None:
    file = DEPLOY / "compose" / "compose.yaml"
    done = run("docker-compose", "-f", file, "config", **COMPOSE_VARIABLES)
    assert done.returncode == 0, done.stderr
    for service in yaml.safe_load(done.stdout)["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["user"] == "10001:10001"
        assert "healthcheck" not in service, "the image has its own"
        assert all("127.0.0.1" in json.dumps(port) for port in service["ports"])
        assert service["environment"]["BASE_PATH"] == "/agents/hello"

    missing = run("docker-compose", "-f", file, "config", **{**COMPOSE_VARIABLES, "PAR_IMAGE": ""})
    assert missing.returncode != 0
    assert "deploy_par.sh" in missing.stderr
