"""Every broken package ends with its cause, the place, a remedy and its exit code."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from broken_packages import BY_NAME, ROWS
from broken_packages.archives import ESCAPED
from broken_packages.row import MANIFEST, Broken
from broken_packages.servers import Servers
from devtool import processes
from devtool.pac import Pac
from devtool.paths import ROOT, program
from pixell_testing.packages import from_files, versioned
from pixell_testing.stack import Par, clean_environment, last_log_line, put

AT_ONCE = 2
REPORTS = {"boot_report.json", "exit.json", "state.json", "crash_count"}


@dataclasses.dataclass(frozen=True)
class End:
    """How `par` ended with a package, and what it left behind."""

    code: int
    line: dict[str, Any]  # the last of its log
    report: dict[str, Any]  # boot_report.json
    left: list[str]  # processes, and files it should not have made


def exit_codes() -> dict[str, int]:
    """The exit code of each cause, as docs/exit_codes.md promises them."""
    codes = {}
    for line in (ROOT / "docs" / "exit_codes.md").read_text(encoding="utf-8").splitlines():
        if row := re.fullmatch(r"\| (\d+) \| [^|]+ \| (.+) \|", line):
            codes.update(dict.fromkeys(re.findall(r"`([a-z_]+)`", row[2]), int(row[1])))
    return codes


def run_to_end(row: Broken, folder: Path, env: dict[str, str]) -> End:
    """Runs `par` on the package, in a folder where all that it makes can be seen."""
    for name in ("tmp", "home"):
        (folder / name).mkdir(parents=True)
    package = folder / "agent.apkg"
    package.write_bytes(row.make())
    before = set(folder.rglob("*"))
    instance = folder / "instance"
    own = {
        "INSTANCE_DIR": str(instance),
        "TMPDIR": str(folder / "tmp"),
        "HOME": str(folder / "home"),
        "ENV_STORE_DIR": str(folder.parents[1] / "environments"),
    }
    with Par(folder, package, env={**own, **env}) as par:
        code = par.wait_exit()
        left = [f"process: {command}" for command in processes.using(folder).values()]
        line = last_log_line(par)
    expected = {*before, folder / "par.log", instance, *(instance / name for name in REPORTS)}
    left += [f"file: {path.relative_to(folder)}" for path in set(folder.rglob("*")) - expected]
    report = json.loads((instance / "boot_report.json").read_text(encoding="utf-8"))
    return End(code, line, report, left)


def chosen_rows(request: pytest.FixtureRequest) -> list[Broken]:
    """The rows this run of pytest was asked for."""
    functions = [item for item in request.session.items if isinstance(item, pytest.Function)]
    return [
        function.callspec.params["row"]
        for function in functions
        if "end_of" in function.fixturenames and hasattr(function, "callspec")
    ]


@pytest.fixture(scope="module")
def servers(scratch: Path) -> Iterator[Servers]:
    """The index and the registry that rows name."""
    with Servers(scratch / "no-base") as served:
        yield served


@pytest.fixture(scope="module")
def end_of(
    request: pytest.FixtureRequest, scratch: Path, servers: Servers
) -> Iterator[Callable[[Broken], End]]:
    """The end of each package that was chosen; a few run at once."""
    chosen = chosen_rows(request)
    # The environment they share is made first: its install counts against a boot's deadline.
    fine = scratch / "fine.apkg"
    fine.write_bytes(versioned("fine"))
    store = {"ENV_STORE_DIR": str(scratch / "environments")}
    with Par(scratch / "fine", fine, env=store) as par:
        par.wait_ready()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = {
            row.name: pool.submit(
                run_to_end, row, scratch / "broken" / str(number), servers.env(row)
            )
            for number, row in enumerate(ROWS)
            if row in chosen
        }
        yield lambda row: ends[row.name].result()
        pool.shutdown(cancel_futures=True)


def test_there_are_at_least_forty() -> None:
    assert len(ROWS) >= 40
    assert len(BY_NAME) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_par_says_what_is_wrong_and_leaves_nothing(
    end_of: Callable[[Broken], End], row: Broken
) -> None:
    end = end_of(row)

    line = end.line
    assert (line["event"], line["cause"]) == ("Boot failed", row.cause), line
    assert end.code == line["exit_code"] == exit_codes()[row.cause]
    assert line["evidence"], line
    assert row.place in "\n".join([line["message"], *line["evidence"]]), line
    assert row.remedy in line["remedy"], line
    told = {name: line[name] for name in ("cause", "message", "evidence", "remedy")}
    assert end.report["failure"] == told
    assert end.left == []
    assert not Path(ESCAPED).exists()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_validate_says_the_same_of_what_can_be_seen(tmp_path: Path, row: Broken) -> None:
    package = tmp_path / "agent.apkg"
    package.write_bytes(row.make())

    code, findings = validate(package)

    if not row.is_seen:
        assert (code, findings) == (0, [])
        return
    told = [finding for finding in findings if finding["cause"] == row.cause]
    assert told, findings
    is_error = any(finding["severity"] == "error" for finding in told)
    assert code == (1 if is_error else 0)
    assert any(row.remedy in finding["remedy"] for finding in told), told


def validate(package: Path) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of `par validate`, and what it found."""
    reply = subprocess.run(
        [str(program("par")), "validate", "--json", str(package)],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )
    return reply.returncode, json.loads(reply.stdout)["findings"]


def test_validate_runs_nothing_of_a_package(tmp_path: Path) -> None:
    trace = tmp_path / "was-run"
    leave_a_trace = f"open({str(trace)!r}, 'w').close()\n"
    package = tmp_path / "agent.apkg"
    package.write_bytes(
        from_files(
            {
                "agent.yaml": MANIFEST,
                "routes.py": f"{leave_a_trace}def mount(app): pass\n",
                "setup.py": f"{leave_a_trace}from setuptools import setup\nsetup(name='a')\n",
            }
        )
    )

    assert validate(package) == (0, [])
    assert not trace.exists()


def test_the_store_keeps_nothing_of_what_failed(
    end_of: Callable[[Broken], End], scratch: Path, request: pytest.FixtureRequest
) -> None:
    for row in chosen_rows(request):
        end_of(row)

    assert list((scratch / "environments").glob(".building-*")) == []


def test_packages_are_the_same_bytes_every_time() -> None:
    for row in ROWS:
        assert row.make() == row.make(), row.name


MEMORY_EATER = "eaten = []\nwhile True:\n    eaten.append(bytearray(1 << 20))\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="NO MEMORY LIMIT IS TESTED: that needs root")
def test_an_agent_that_eats_its_memory_at_import_is_told_so(pac: Pac) -> None:
    manifest = f"{MANIFEST}limits:\n  memory_mb: 96\n"
    eater = from_files({"agent.yaml": manifest, "routes.py": MEMORY_EATER})
    # The environment is made by one that has the memory for it.
    pac.deploy_and_wait("eater", put(pac, "fine.apkg", versioned("fine")))

    deployment = pac.wait_deployment(pac.deploy("eater", put(pac, "eater.apkg", eater)))

    assert deployment["failure"]["cause"] == "out_of_memory"
    assert "more memory" in deployment["failure"]["remedy"]
