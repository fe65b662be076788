"""Tests of what ./dev runs and counts: programs, reports, parts, bootstrap."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devtool import bootstrap, fuzz, processes, testrun
from devtool.report import Counts, PartResult, counts_of_run, last_line, table, total
from devtool.shell import Failure, end_group, must_run, output_of, run

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"

# ------------------------------------------------------------------------------- shell


def test_run_gives_the_exit_code_and_the_lines():
    lines = []

    code = run(["/bin/sh", "-c", "echo one; echo two >&2; exit 3"], on_line=lines.append)

    assert code == 3
    assert sorted(lines) == ["one", "two"]


def test_run_ends_the_whole_group_at_the_deadline():
    lines = []
    script = "sleep 600 & echo $!; wait"

    code = run(["/bin/sh", "-c", script], timeout_s=0.5, on_line=lines.append)

    assert code == 124
    child = processes.find(int(lines[0]))
    assert child is None or child.wait_end(10)


def test_run_ends_a_program_that_ignores_the_request():
    script = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
    command = [sys.executable, "-c", script]

    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as child:
        child.stdout.readline()
        end_group(child.pid, grace_s=0.2)
        assert child.wait(timeout=10) == -signal.SIGKILL


def test_must_run_and_output_of_raise_on_failure():
    assert output_of(["/bin/echo", "x"]) == "x\n"
    for call in (must_run, output_of):
        with pytest.raises(Failure, match="/bin/false"):
            call(["/bin/false"])


# ------------------------------------------------------------------------------ report

CTEST = """<testsuite tests="4">
<testcase name="a" status="run"/><testcase name="b" status="fail"><failure message="x"/></testcase>
<testcase name="c" status="disabled"/><testcase name="d" status="notrun"><skipped/></testcase>
</testsuite>"""
PYTEST = """<testsuites><testsuite><testcase name="a"/><testcase name="b"><error/></testcase>
<testcase name="c"><skipped/></testcase></testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("text", "code", "wanted"),
    [
        (CTEST, 8, Counts(1, 1, 2)),
        (PYTEST, 1, Counts(1, 1, 1)),
        ("<testsuite><testcase name='a'/></testsuite>", 0, Counts(1, 0, 0)),
        ("<testsuite><testcase name='a'/></testsuite>", 3, Counts(1, 1, 0)),
        ("<testsuite></testsuite>", 0, Counts(0, 1, 0)),
        ("<testsuite><testca", 0, Counts(0, 1, 0)),
        (None, 0, Counts(0, 1, 0)),
    ],
)
def test_counts_are_never_green_by_accident(tmp_path, text, code, wanted):
    if text is not None:
        (tmp_path / "junit.xml").write_text(text, encoding="utf-8")

    assert counts_of_run(code, tmp_path / "junit.xml") == wanted


def test_table_and_last_line():
    results = [
        PartResult("lint", 1.25, Counts(10, 0, 0)),
        PartResult("unit tests", 61.0, Counts(100, 2, 1), "note"),
    ]

    assert table(results).splitlines()[2] == "unit tests     61.0     100       2        1  note"
    assert last_line(total(results)) == "110 passed, 2 failed, 1 skipped"
    assert last_line(Counts(3, 0, 0)) == "3 passed, 0 failed"


# ----------------------------------------------------------------------------- testrun


def part(name, counts, needs=()):
    def work():
        if isinstance(counts, Exception):
            raise counts
        return counts

    return testrun.Part(name, work, needs)


def test_run_parts_goes_on_after_failures_and_ends_with_the_sum(capsys):
    code = testrun.run_parts([part("a", Counts(1, 1)), part("b", Counts(5))])

    assert code == 1
    assert capsys.readouterr().out.splitlines()[-1] == "6 passed, 1 failed"


def test_run_parts_does_not_run_what_needs_a_broken_build(capsys):
    parts = [
        part("build dev", Failure("it does not compile")),
        part("unit", Counts(9), ("build dev",)),
        part("lint", Counts(2)),
    ]

    code = testrun.run_parts(parts)

    out = capsys.readouterr().out
    assert code == 1
    assert "not run: build dev failed" in out
    assert out.splitlines()[-1] == "2 passed, 1 failed"


def test_run_parts_is_green_only_without_failures(capsys):
    assert testrun.run_parts([part("a", Counts(3, 0, 1))]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3 passed, 0 failed, 1 skipped"


def test_every_need_is_a_part_that_can_block():
    names = [item.name for item in testrun.parts()]
    for index, item in enumerate(testrun.parts()):
        assert set(item.needs) <= set(names[:index]) & set(testrun.BLOCKERS)
    assert set(testrun.QUICK) <= set(names)


def test_count_lines_counts_checks_and_distrusts_silence():
    script = "echo 'ok one'; echo 'FAIL two: why'; echo okay; exit 1"

    assert testrun.count_lines(["/bin/sh", "-c", script], 10) == Counts(1, 1)
    assert testrun.count_lines(["/bin/true"], 10) == Counts(0, 1)
    assert testrun.count_lines(["/bin/sh", "-c", "echo ok one; exit 2"], 10) == Counts(1, 1)


# -------------------------------------------------------------------------------- fuzz

FUZZER = """#!/bin/sh
for last; do :; done
cat "$last"/*
"""


@pytest.fixture
def fuzzer(monkeypatch, tmp_path):
    """A target `words` whose program says what stands in its corpus, and ends with its `exit`."""
    program = tmp_path / "tests" / "fuzz" / "fuzz_words"
    program.parent.mkdir(parents=True)
    program.write_text(FUZZER + "exit $(cat $(dirname $0)/exit)\n", encoding="utf-8")
    program.chmod(0o755)
    (program.parent / "words.cpp").touch()
    (program.parent / "exit").write_text("0", encoding="utf-8")
    (tmp_path / "corpus" / "words").mkdir(parents=True)
    monkeypatch.setattr(fuzz, "ROOT", tmp_path)
    monkeypatch.setattr(fuzz, "SOURCES", program.parent)
    monkeypatch.setattr(fuzz, "CORPUS", tmp_path / "corpus")
    monkeypatch.setattr(fuzz, "WORK", tmp_path / "work")
    monkeypatch.setattr(fuzz, "build_dir", lambda _: tmp_path)
    monkeypatch.setattr(fuzz, "build", lambda *_: None)
    return tmp_path


@pytest.mark.parametrize(
    ("said", "code", "wanted"),
    [
        ("Done 12 runs in 10 second(s)", "0", Counts(1, 0)),
        ("Done 12 runs in 10 second(s)", "77", Counts(0, 1)),
        ("Done 0 runs in 10 second(s)", "0", Counts(0, 1)),
        ("", "0", Counts(0, 1)),
        (None, "0", Counts(0, 1)),
    ],
)
def test_a_fuzz_target_passes_only_when_it_ran_its_corpus(fuzzer, said, code, wanted):
    (fuzzer / "tests" / "fuzz" / "exit").write_text(code, encoding="utf-8")
    if said is not None:
        (fuzzer / "corpus" / "words" / "input").write_text(f"{said}\n", encoding="utf-8")

    assert fuzz.fuzz_all() == wanted


def test_the_report_of_a_failed_fuzz_target_is_shown(fuzzer, capsys):
    (fuzzer / "tests" / "fuzz" / "exit").write_text("77", encoding="utf-8")
    (fuzzer / "corpus" / "words" / "input").write_text("CHECK failed: x\n", encoding="utf-8")

    fuzz.fuzz_all()

    assert capsys.readouterr().out.splitlines() == [
        "CHECK failed: x",
        "FAIL words: 1 inputs replayed, 0 runs, ended with 77",
    ]


def test_an_unknown_fuzz_target_is_refused_with_those_there_are(fuzzer):
    with pytest.raises(Failure, match="no fuzz target numbers; there are: words"):
        fuzz.fuzz("numbers", 1)


def test_every_fuzz_target_is_built_and_has_a_corpus():
    lists = (fuzz.SOURCES / "CMakeLists.txt").read_text(encoding="utf-8")

    assert len(fuzz.targets()) > 10
    for name in fuzz.targets():
        assert f"pixell_fuzz_target({name} " in lists
        assert any((fuzz.CORPUS / name).iterdir())


# --------------------------------------------------------------------------- bootstrap


def test_missing_packages_are_those_dpkg_does_not_have():
    assert bootstrap.missing_packages(["dpkg", "no-such-package-at-all"]) == [
        "no-such-package-at-all"
    ]


def test_listed_packages_are_plain_names_without_repetition():
    names = bootstrap.listed_packages()

    assert len(names) == len(set(names)) > 20
    assert all(" " not in name and "#" not in name for name in names)


def test_another_system_is_refused_with_the_way_out(monkeypatch, tmp_path):
    release = tmp_path / "os-release"
    release.write_text('ID=fedora\nVERSION_ID="41"\nPRETTY_NAME="Fedora 41"\n', encoding="utf-8")
    monkeypatch.setattr(bootstrap, "OS_RELEASE", release)

    with pytest.raises(Failure, match="Debian 12.*Fedora 41.*docker run"):
        bootstrap.check_machine()


def test_a_machine_without_root_and_sudo_gets_the_command_to_run(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda _: None)

    with pytest.raises(Failure, match="apt-get install -y --no-install-recommends cmake wrk"):
        bootstrap.as_root(["cmake", "wrk"])


def test_the_command_line_lists_every_command():
    dev = Path(__file__).parents[1] / "dev"

    text = output_of([dev, "help"])

    for name in ("bootstrap", "up", "down", "build", "test", "check", "bench", "fuzz"):
        assert f"\n    {name}" in text


@pytest.fixture
def policy(monkeypatch, tmp_path):
    """Puts the policy file of services into tmp_path."""
    monkeypatch.setattr(bootstrap, "POLICY", tmp_path / "policy-rc.d")
    return tmp_path / "policy-rc.d"


def test_services_are_kept_stopped_only_while_packages_are_installed(policy):
    with bootstrap.services_kept_stopped([]):
        assert subprocess.run([policy, "nginx", "start"], check=False).returncode == 101

    assert not policy.exists()


def test_a_policy_of_somebody_else_is_left_alone(policy):
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")

    with bootstrap.services_kept_stopped([]):
        pass

    assert policy.read_text(encoding="utf-8") == "#!/bin/sh\nexit 101\n"


def test_a_policy_that_a_killed_run_left_is_removed(policy, monkeypatch):
    monkeypatch.setattr(bootstrap, "as_root", lambda _: [])
    policy.write_text(f"#!/bin/sh\n{bootstrap.POLICY_MARK}\nexit 101\n", encoding="utf-8")

    bootstrap.install_debian_packages(["dpkg"])

    assert not policy.exists()
