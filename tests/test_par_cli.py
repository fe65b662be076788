"""The command line of `par`, as a person and a container use it."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from broken_packages.python_agents import MISSING_MODULE
from devtool.pac import free_port
from devtool.paths import program
from pixell_testing.packages import EXAMPLE, build, from_files, source
from pixell_testing.stack import Par, clean_environment

StartPar = Callable[..., Par]


@pytest.fixture
def missing_module(tmp_path: Path) -> Path:
    """The folder of a package that imports what nobody installed."""
    folder = tmp_path / "missing-module"
    folder.mkdir()
    for name, text in MISSING_MODULE.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def run(
    *arguments: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """`par` with arguments, to its end."""
    return subprocess.run(
        [str(program("par")), *map(str, arguments)],
        env={**clean_environment(), **(env or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_validate_tells_everything_that_is_wrong_at_once(tmp_path: Path) -> None:
    package = tmp_path / "bad.apkg"
    manifest = "name: bad\nrest:\n  entry: nothing:mount\nui:\n  path: web\n"
    package.write_bytes(from_files({"agent.yaml": manifest, "requirements.txt": "fine\na=1\n"}))

    text = run("validate", package)
    reply = run("validate", package, "--json")

    assert text.returncode == reply.returncode == 1
    told = {(f["cause"], f["where"]) for f in json.loads(reply.stdout)["findings"]}
    assert told == {
        ("dependency_failed", "requirements.txt:2"),
        ("missing_module", "agent.yaml:3:10"),
        ("manifest_invalid", "agent.yaml:5:9"),
    }
    assert "agent.yaml:3:10: rest.entry names the module 'nothing'" in text.stdout
    assert text.stdout.endswith("not valid, 3 errors, 0 warnings\n")


def test_validate_has_nothing_against_packages_that_run(tmp_path: Path) -> None:
    package = tmp_path / "good.apkg"
    package.write_bytes(build(EXAMPLE))

    for each in (EXAMPLE, package, source("root_modules"), source("full_servicer")):
        reply = run("validate", each, "--json")
        assert reply.returncode == 0, reply.stdout
        assert json.loads(reply.stdout)["findings"] == []


def test_validate_of_nothing_is_another_exit_code(tmp_path: Path) -> None:
    absent = run("validate", tmp_path / "nothing.apkg")
    unnamed = run("validate")

    assert absent.returncode == unnamed.returncode == 2
    assert "there is no" in absent.stderr
    assert "par validate <" in unnamed.stderr


def test_validate_leaves_nothing_behind(tmp_path: Path) -> None:
    package = tmp_path / "good.apkg"
    package.write_bytes(build(EXAMPLE))
    scratch = tmp_path / "tmp"
    scratch.mkdir()

    run("validate", package, env={"TMPDIR": str(scratch)})

    assert list(scratch.iterdir()) == []


def test_pack_makes_the_same_bytes_and_what_it_makes_runs(par: StartPar, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(EXAMPLE, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"x")
    first, second = tmp_path / "first.apkg", tmp_path / "second.apkg"

    one = run("pack", EXAMPLE, "-o", first, "--json", env={"TZ": "Asia/Seoul"})
    two = run("pack", copy, "-o", second, env={"TZ": "America/Lima"})

    assert one.returncode == 0, one.stderr
    assert two.returncode == 0, two.stderr
    assert first.read_bytes() == second.read_bytes()
    digest = hashlib.sha256(first.read_bytes()).hexdigest()
    assert json.loads(one.stdout)["sha256"] == digest
    assert json.loads(run("inspect", first, "--json").stdout)["sha256"] == digest
    running = par(first.read_bytes()).wait_ready()
    assert running.get("/api/hello").status == 200


def test_pack_refuses_what_would_not_start(missing_module: Path, tmp_path: Path) -> None:
    reply = run("pack", missing_module, cwd=tmp_path)

    validated = run("validate", missing_module)
    assert reply.returncode == validated.returncode
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "agent.yaml").write_text("name: linked\nentrypoint: a:main\n", encoding="utf-8")
    (folder / "a.py").symlink_to("/etc/passwd")
    refused = run("pack", folder, cwd=tmp_path)
    assert refused.returncode == 1
    assert "symbolic link" in refused.stderr
    assert not list(tmp_path.glob("linked*.apkg"))


def test_inspect_and_routes_describe_a_package() -> None:
    inspected = json.loads(run("inspect", EXAMPLE, "--json").stdout)
    assert inspected["surfaces"] == ["rest", "a2a", "ui"]
    assert "rest.entry" in run("inspect", EXAMPLE).stdout

    routes = json.loads(run("routes", EXAMPLE, "--base-path", "/agents/x", "--json").stdout)
    by_path = {(line["method"], line["path"]): line["route"] for line in routes}
    assert by_path["GET", "/agents/x/health"] == "health"
    assert by_path["GET", "/agents/x/api/*"] == "rest"
    asked = run("routes", EXAMPLE, "POST /a2a")
    assert asked.stdout == "POST  /a2a  A2A over HTTP: JSON-RPC\n"


def test_healthcheck_asks_the_par_of_this_environment(par: StartPar) -> None:
    running = par(None, "run", str(source("root_modules"))).wait_ready()
    port = running.url.rpartition(":")[2]

    # As in a container: the same environment, which names a package to run.
    env = {"REST_PORT": port, "AGENT_PACKAGE_PATH": "/nothing", "AGENT_APP_ID": "x"}
    assert run("healthcheck", env=env).returncode == 0
    assert run("healthcheck", "--port", port).returncode == 0
    assert run("healthcheck", "--url", f"http://127.0.0.1:{port}/health").returncode == 0
    absent = run("healthcheck", "--url", f"http://127.0.0.1:{port}/no/such/path")
    assert absent.returncode == 1
    assert "status 404" in absent.stderr
    assert run("healthcheck", "--port", str(free_port())).returncode == 1


def test_healthcheck_gives_up_after_two_seconds() -> None:
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        reply = run("healthcheck", "--port", str(silent.getsockname()[1]))
        took = time.monotonic() - began

    assert reply.returncode == 1
    assert "2000 ms" in reply.stderr
    assert 1.9 < took < 5


def test_arguments_nobody_knows_and_status() -> None:
    status = run("status")
    assert status.returncode == 1
    assert status.stdout.startswith("'par status' is no longer supported.\n")
    unknown = run("validate", EXAMPLE, "--fast")
    assert unknown.returncode == 0
    assert "'--fast' is ignored" in unknown.stderr
    assert run("fly").returncode == 1
    assert run("--version").stdout.startswith("par ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_scripts(shell: str) -> None:
    reply = run("completion", shell)
    assert reply.returncode == 0
    assert "healthcheck" in reply.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=reply.stdout, text=True, check=True, timeout=10)


def test_bash_completes_commands() -> None:
    script = run("completion", "bash").stdout
    ask = 'COMP_WORDS=(par va); COMP_CWORD=1; _par; echo "${COMPREPLY[@]}"'
    # `complete` is fine without a terminal.
    reply = subprocess.run(
        ["bash", "-c", script + ask], capture_output=True, text=True, check=True, timeout=10
    )
    assert reply.stdout == "validate\n"


def test_completion_of_an_unknown_shell_is_an_error() -> None:
    assert run("completion", "csh").returncode == 1


class OnTerminal:
    """`par` with a terminal as its standard output."""

    def __init__(self, *arguments: str, env: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self._text = ""
        self.process = subprocess.Popen(
            [str(program("par")), *arguments],
            env={**clean_environment(), "TERM": "xterm", **env},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def read_until(self, words: str, seconds: float = 120) -> str:
        """Everything shown, once it has these words; what there is when it ended."""
        deadline = time.monotonic() + seconds
        while words not in self._text:
            left = deadline - time.monotonic()
            assert left > 0, f"no '{words}' in:\n{self._text}"
            if not select.select([self._ours], [], [], left)[0]:
                continue
            try:
                got = os.read(self._ours, 65536)
            except OSError:  # the other end is closed
                break
            self._text += got.decode(errors="replace").replace("\r\n", "\n")
        return self._text

    def close(self) -> int:
        """SIGINT, as Ctrl-C, and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(60)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def terminal_environment(scratch: Path) -> dict[str, str]:
    """Ports of its own, and the environments the other tests have made."""
    return {
        "AGENT_APP_ID": "on-terminal",
        "REST_PORT": str(free_port()),
        "A2A_PORT": str(free_port()),
        "UI_PORT": str(free_port()),
        "ENV_STORE_DIR": str(scratch / "environments"),
    }


def test_a_terminal_shows_phases_with_timings(scratch: Path) -> None:
    env = terminal_environment(scratch)
    shown = OnTerminal("run", str(source("root_modules")), env={**env, "NO_COLOR": "1"})
    try:
        text = shown.read_until("ready in ")
        assert '{"event"' not in text
        for phase in ("dependencies", "worker", "probe"):
            lines = [line for line in text.splitlines() if line.split()[:1] == [phase]]
            assert len(lines) == 1, text
            assert lines[0].endswith(" ms")
        assert "\x1b[" not in text
        assert run("healthcheck", "--port", env["REST_PORT"]).returncode == 0
        assert f"http://127.0.0.1:{env['REST_PORT']}" in shown.read_until("200 GET /health")
    finally:
        code = shown.close()
    assert code == 0
    assert "stopped" in shown.read_until("stopped")


def test_a_terminal_shows_why_a_boot_failed(missing_module: Path, scratch: Path) -> None:
    shown = OnTerminal("run", str(missing_module), env=terminal_environment(scratch))
    try:
        text = shown.read_until("  remedy  ")
        assert "cause   missing_module (exit 13)" in text
        assert "\x1b[31mfailed: " in text
        assert shown.process.wait(60) == 13
    finally:
        shown.close()


def test_json_stays_json_when_asked_for(missing_module: Path, scratch: Path) -> None:
    shown = OnTerminal("run", str(missing_module), "--json", env=terminal_environment(scratch))
    try:
        text = shown.read_until('"event":"Boot failed"')
        assert "Phase entered" not in text
    finally:
        shown.close()
