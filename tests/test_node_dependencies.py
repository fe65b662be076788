"""Dependencies of Node.js agents: resolved once, installed from the lock, kept while in use."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devtool.pac import wait_until
from pixell_testing.index import Prepare, Preparing
from pixell_testing.npm_registry import NAME, Registry
from pixell_testing.packages import from_files
from pixell_testing.stack import Par

MANIFEST = "name: made-up\nruntime: node18\nrest: {entry: r.js}\n"
ROUTES = f"const greet = require('{NAME}'); exports.mount = () => greet();"


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry for one test."""
    running = Registry()
    yield running
    running.close()


def package_json(wanted: str = "^1.0.0", **members: object) -> str:
    """A package.json that wants one dependency."""
    return json.dumps({"name": "a", "version": "1.0.0", "dependencies": {NAME: wanted}, **members})


def package(**files: str) -> bytes:
    """A package with these files; `__` stands for a dot and `_` for a dash in their names."""
    named = {
        name.replace("__", ".").replace("_", "-"): text
        for name, text in {"package__json": package_json(), **files}.items()
    }
    return from_files({"agent.yaml": MANIFEST, "r.js": ROUTES, **named})


class Installs:
    """par-prepare with a registry."""

    def __init__(self, prepare: Prepare, registry: Registry) -> None:
        self.prepare = prepare
        self.registry = registry
        self._packages = 0

    def start(self, content: bytes, *options: str, **spec: object) -> Preparing:
        """Prepares a package."""
        self._packages += 1
        path = self.prepare.folder / f"agent-{self._packages}.apkg"
        path.write_bytes(content)
        env = {"NPM_REGISTRY_URL": self.registry.url}
        return self.prepare.start(path, *options, env=env, **spec)

    def forget(self) -> None:
        """Loses all environments and what npm remembers, not the locks."""
        for path in [*self.prepare.environments(), self.prepare.store / ".npm"]:
            subprocess.run(["rm", "-rf", str(path)], check=True)


@pytest.fixture
def installs(prepare: Prepare, registry: Registry) -> Installs:
    """par-prepare with an empty store and a registry."""
    return Installs(prepare, registry)


def test_without_a_lock_what_was_resolved_first_stays(installs: Installs) -> None:
    first = installs.start(package())
    assert first.lock == [f"{NAME}@1.0.0"]
    assert "Resolving dependencies" in first.events
    installs.registry.publish("1.1.0")
    installs.forget()
    # Another version of the agent; what it is developed with is nobody's business.
    later = package(package__json=package_json(version="2.0.0", devDependencies={"absent": "1"}))

    again = installs.start(later)

    assert again.lock == first.lock
    assert "Installing dependencies" in again.events
    assert "Resolving dependencies" not in again.events
    [modules] = installs.prepare.environments()
    installed = json.loads((modules / "node_modules" / NAME / "package.json").read_text())
    assert installed["version"] == "1.0.0"
    # Other requirements are resolved for themselves.
    assert installs.start(package(package__json=package_json("^1.1.0"))).lock == [f"{NAME}@1.1.0"]


def test_bytes_that_changed_since_they_were_resolved_are_refused(installs: Installs) -> None:
    assert installs.start(package()).result["ok"]
    installs.forget()
    installs.registry.versions["1.0.0"] = installs.registry.versions["1.0.0"][:-8] + bytes(8)

    again = installs.start(package())

    assert again.cause == "dependency_failed"
    assert installs.prepare.environments() == []


def test_a_shrinkwrap_is_a_lock_and_goes_first(installs: Installs) -> None:
    wanted = package_json("1.0.0")
    lock = installs.registry.lock()
    installs.registry.publish("1.1.0")

    done = installs.start(
        package(package__json=wanted, npm_shrinkwrap__json=lock, package_lock__json="[]")
    )

    assert done.lock == [f"{NAME}@1.0.0"]
    assert "Resolving dependencies" not in done.events
    assert list((installs.prepare.store).glob(".resolved/*")) == []


def of_npm_6(lock: str) -> str:
    """The same lock as npm 6 wrote it."""
    pinned = json.loads(lock)["packages"][f"node_modules/{NAME}"]
    return json.dumps({"name": "a", "lockfileVersion": 1, "dependencies": {NAME: pinned}})


def without_integrity(lock: str) -> str:
    """A lock that accepts any bytes."""
    changed = json.loads(lock)
    del changed["packages"][f"node_modules/{NAME}"]["integrity"]
    return json.dumps(changed)


def of_a_file(lock: str) -> str:
    """A lock with an archive of the package."""
    changed = json.loads(lock)
    changed["packages"][f"node_modules/{NAME}"]["resolved"] = "file:vendor/tiny.tgz"
    return json.dumps(changed)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (of_npm_6, "--lockfile-version 3"),
        (without_integrity, "no integrity"),
        (of_a_file, "file:vendor/tiny.tgz"),
        (lambda _: "[]", "not a JSON object"),
        (lambda lock: lock.replace('"1.0.0"', "1"), "npm-shrinkwrap.json cannot be read"),
    ],
)
def test_a_lock_that_does_not_lock_is_refused(
    installs: Installs, change: Callable[[str], str], words: str
) -> None:
    lock = change(installs.registry.lock())

    failed = installs.start(package(package__json=package_json("1.0.0"), npm_shrinkwrap__json=lock))

    assert failed.cause == "dependency_failed"
    assert words in json.dumps(failed.result["failure"])
    assert failed.result["failure"]["remedy"]
    assert installs.registry.downloads == 0


def test_damaged_modules_are_told_and_made_again(installs: Installs) -> None:
    assert installs.start(package()).result["ok"]
    [made] = installs.prepare.environments()
    module = made / "node_modules" / NAME / "index.js"
    module.parent.chmod(0o755)
    module.unlink()

    again = installs.start(package())

    assert again.lock == [f"{NAME}@1.0.0"]
    [line] = [each for each in again.lines() if "damaged" in each.get("event", "")]
    assert (line["level"], line["event"]) == (
        "warning",
        "The environment is damaged and is made again",
    )
    assert f"{NAME}/index.js" in line["fields"]["reason"]
    assert module.is_file()


def test_modules_in_use_stay_and_others_are_collected(installs: Installs) -> None:
    installs.registry.publish("2.0.0")
    assert installs.start(package()).result["ok"]
    [leased] = installs.prepare.environments()
    second = package(package__json=package_json("^2.0.0"))
    assert installs.start(second, env_store_max_mb=0).result["ok"]
    assert leased in installs.prepare.environments()
    installs.prepare.end_leases(leased)
    third = package(package__json=package_json("*"))

    done = installs.start(third, env_store_max_mb=0)

    assert done.lock == [f"{NAME}@2.0.0"]
    assert "Removed an environment" in done.events
    assert leased not in installs.prepare.environments()
    assert len(installs.prepare.environments()) == 2


def test_par_reports_the_lock_and_what_was_collected(
    par: Callable[..., Par], registry: Registry, tmp_path: Path
) -> None:
    folder = tmp_path / "instance"
    env = {
        "ENV_STORE_DIR": str(tmp_path / "store"),
        "ENV_STORE_MAX_MB": "0",
        "INSTANCE_DIR": str(folder),
        "NPM_REGISTRY_URL": registry.url,
    }
    first = par(package(), env=env).wait_ready()
    assert f"{NAME}@1.0.0 sha512-" in (folder / "boot_report.json").read_text()
    assert first.stop() == 0

    other = par(package(package__json=package_json("*")), env=env).wait_ready()

    wait_until(
        "the unused environment is removed",
        lambda: "Removed an environment" in other.events(),
        30,
    )
    assert other.stop() == 0
    subprocess.run(["chmod", "-R", "u+w", str(tmp_path)], check=False)
