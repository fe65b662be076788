"""The store of environments: made once, checked, leased, collected."""

from __future__ import annotations

import fcntl
import json
import subprocess
from pathlib import Path

import pytest

from pixell_testing.index import Index, Prepare, Preparing, package, set_age


def test_two_at_once_install_once(prepare: Prepare, index: Index, tmp_path: Path) -> None:
    index.add("tiny", "1.0")
    index.delay_s = 0.3
    asked = package(tmp_path, requirements__txt="tiny\n")

    both = [prepare.start(asked, index_url=index.url) for _ in range(2)]

    assert [each.lock for each in both] == [["tiny==1.0"], ["tiny==1.0"]]
    events = [event for each in both for event in each.events]
    assert events.count("Installing dependencies") == 1
    assert events.count("Reusing existing venv") == 1


@pytest.mark.parametrize("harm", ["remove", "cut"])
def test_a_damaged_environment_is_set_aside_and_made_again(
    prepare: Prepare, index: Index, tmp_path: Path, harm: str
) -> None:
    index.add("tiny", "1.0")
    asked = package(tmp_path, requirements__txt="tiny\n")
    assert prepare.start(asked, index_url=index.url).result["ok"]
    module = prepare.environments()[0] / "site-packages" / "tiny.py"
    if harm == "remove":
        module.parent.chmod(0o755)
        module.unlink()
    else:
        module.parent.chmod(0o755)
        module.unlink()
        module.write_text("VERSION")

    again = prepare.start(asked, index_url=index.url)

    assert again.run("import tiny; print(tiny.VERSION)") == "1.0"
    assert "The environment is damaged and is made again" in again.events
    assert len(list(prepare.store.glob(".damaged-*"))) == 1


def test_a_check_finds_a_changed_content(prepare: Prepare, index: Index, tmp_path: Path) -> None:
    index.add("tiny", "1.0")
    asked = package(tmp_path, requirements__txt="tiny\n")
    assert prepare.start(asked, index_url=index.url).result["ok"]
    assert prepare.start(None, "--check").result == {"ok": True, "damaged": [], "removed": []}
    [made] = prepare.environments()
    module = made / "site-packages" / "tiny.py"
    module.chmod(0o644)
    module.write_text(module.read_text().replace("1.0", "6.6"))

    # This process has a lease: what it may be running from stays where it is.
    in_use = prepare.start(None, "--check")
    assert in_use.result["damaged"] == [made.name]
    assert "A damaged environment is in use and stays" in in_use.events
    assert prepare.environments() == [made]
    prepare.end_leases(made)
    checked = prepare.start(None, "--check")

    assert checked.result["damaged"] == [made.name]
    assert "A damaged environment was set aside" in checked.events
    assert prepare.environments() == []


def test_unused_environments_are_collected_and_used_ones_kept(
    prepare: Prepare, index: Index, tmp_path: Path
) -> None:
    index.add("tiny", "1.0")
    asked = package(tmp_path, requirements__txt="tiny\n")
    assert prepare.start(asked, index_url=index.url).result["ok"]
    [made] = prepare.environments()
    set_age(made, 40)
    set_age(prepare.store / ".guards" / made.name, 40)

    # The lease is of the process that started par-prepare: this one, which lives.
    kept = prepare.start(None, "--check", env_store_max_mb=0)
    assert kept.result["removed"] == []
    prepare.end_leases(made)
    gone = prepare.start(None, "--check")

    assert gone.result["removed"] == [made.name]
    assert prepare.environments() == []


def test_the_oldest_goes_when_there_is_too_much(
    prepare: Prepare, index: Index, tmp_path: Path
) -> None:
    index.add("tiny", "1.0")
    index.add("other", "1.0")
    keys = []
    for number, name in enumerate(["tiny", "other"]):
        asked = package(tmp_path, requirements__txt=f"{name}\n")
        assert prepare.start(asked, index_url=index.url).result["ok"]
        [made] = [each for each in prepare.environments() if each.name not in keys]
        key = made.name
        keys.append(key)
        prepare.end_leases(made)
        set_age(prepare.store / ".guards" / key, 2 - number)
        set_age(prepare.store / key, 2 - number)

    gone = prepare.start(None, "--check", env_store_max_mb=0)

    assert gone.result["removed"] == keys


def test_an_installation_collects_what_is_over_the_limit(
    prepare: Prepare, index: Index, tmp_path: Path
) -> None:
    for name in ["tiny", "other", "third"]:
        index.add(name, "1.0")

    def install(name: str) -> tuple[Preparing, Path]:
        before = prepare.environments()
        asked = package(tmp_path, requirements__txt=f"{name}\n")
        done = prepare.start(asked, index_url=index.url, env_store_max_mb=0)
        assert done.result["ok"], done.result
        [made] = [each for each in prepare.environments() if each not in before]
        return done, made

    _, unused = install("tiny")
    _, leased = install("other")
    prepare.end_leases(unused)

    third, made = install("third")

    removed = [line for line in third.lines() if line.get("event") == "Removed an environment"]
    assert [line["fields"]["environment"] for line in removed] == [unused.name[:12]]
    assert third.lines()[-1] == removed[0]  # after the answer
    assert prepare.environments() == sorted([leased, made])
    # Nothing is installed: nothing is collected.
    prepare.end_leases(leased)
    asked = package(tmp_path, requirements__txt="third\n")
    assert prepare.start(asked, index_url=index.url, env_store_max_mb=0).result["ok"]
    assert prepare.environments() == sorted([leased, made])


def test_leases_of_dead_processes_are_removed_by_the_next_one(
    prepare: Prepare, index: Index, tmp_path: Path
) -> None:
    index.add("tiny", "1.0")
    asked = package(tmp_path, requirements__txt="tiny\n")
    assert prepare.start(asked, index_url=index.url).result["ok"]
    [made] = prepare.environments()
    [lease] = prepare.leases(made)
    ended = subprocess.Popen(["/bin/true"])
    ended.wait(10)
    of_the_dead = lease.with_name("of-the-dead")
    of_the_dead.write_text(json.dumps({**json.loads(lease.read_text()), "pid": ended.pid}))
    # One that another process is just writing.
    unfinished = lease.with_name("1-1-1.1.part")
    unfinished.write_text("{")

    assert prepare.start(asked, index_url=index.url).result["ok"]

    assert prepare.leases(made) == sorted([lease, unfinished])


def test_a_lock_that_stays_taken_is_told_in_time(
    prepare: Prepare, index: Index, tmp_path: Path
) -> None:
    index.add("tiny", "1.0")
    asked = package(tmp_path, requirements__txt="tiny\n")
    assert prepare.start(asked, index_url=index.url).result["ok"]
    [made] = prepare.environments()
    subprocess.run(["rm", "-rf", str(made)], check=True)

    with open(prepare.store / ".guards" / made.name, "rb") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        failed = prepare.start(asked, index_url=index.url, install_timeout_s=1)

        assert failed.cause == "dependency_timeout"
        assert "another process" in failed.result["failure"]["message"]
