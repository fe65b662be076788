"""A hostile agent beside a good one: what it tries is contained, and nobody else notices."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from devtool import processes
from devtool.load import Load
from devtool.pac import Pac, free_port, wait_until
from pixell_testing.packages import AGENTS, build, with_routes
from pixell_testing.stack import put

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="ISOLATION IS NOT TESTED: only root can give agents users of their own"
)

ATTACKER = "attacker"
VICTIM = "victim"
SECRET = "the victim's secret"  # noqa: S105 - made for this test
MEMORY_MB, PROCESSES, DISK_MB = 192, 48, 24  # as its manifest has them
REFUSED = {"EACCES", "EPERM"}
HIDDEN = REFUSED | {"ENOENT"}
BACK_DEADLINE_S = 90

# It leaves its secret as open as it can: only the way to it is closed.
VICTIM_ROUTES = """
import os
import pathlib


def mount(app):
    home = pathlib.Path(os.environ["HOME"])
    home.chmod(0o777)
    secret = home / "secret.txt"
    secret.write_text(os.environ["SECRET"])
    secret.chmod(0o666)

    @app.get("/api/secret")
    async def secret_of():
        return {"secret": secret.read_text(), "pid": os.getpid(), "home": str(home)}
"""


@pytest.fixture(scope="module")
def platform() -> Iterator[Pac]:
    """A platform whose state directory other users get through to, as below /var/lib."""
    folder = Path(tempfile.mkdtemp(prefix="px-iso-"))
    folder.chmod(0o711)
    pac = Pac(folder / "state", free_port(), home=folder)
    pac.start()
    try:
        yield pac
        assert pac.stop() == 0, pac.log_tail()
        wait_until("every process has ended", lambda: not pac.leftovers(), 20)
    finally:
        pac.stop()
        pac.kill_all()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def victim(platform: Pac) -> dict[str, Any]:
    """The good neighbour; what it says of itself."""
    package = put(platform, "victim.apkg", with_routes(VICTIM_ROUTES))
    platform.deploy_and_wait(VICTIM, package, environment={"SECRET": SECRET})
    return platform.get(f"/agents/{VICTIM}/api/secret").json()


@pytest.fixture(scope="module")
def attacker(platform: Pac, victim: dict) -> dict[str, Any]:
    """The hostile agent; what it says of itself. Its limits are in force, or nothing is tried."""
    package = put(platform, "attacker.apkg", build(AGENTS / "attacker"))
    platform.deploy_and_wait(ATTACKER, package)
    limits = platform.get(f"/agents/{ATTACKER}/meta").json()["limits"]
    assert limits["user"] >= 200_000
    assert limits["disk_mb"] == DISK_MB
    assert limits["processes"] == PROCESSES
    if platform.get("/v1/system").json()["engine"]["memory_limits"]:
        assert limits["memory_bytes"] == MEMORY_MB * 1024 * 1024
        assert limits["cpus"] == 1
    return myself(platform)


def myself(pac: Pac) -> dict[str, Any]:
    """What the attacker says of itself now."""
    reply = pac.get(f"/agents/{ATTACKER}/api/self", timeout_s=30)
    assert reply.status == 200, reply.text
    return reply.json()


def attack(pac: Pac, name: str, timeout_s: float = 60, **arguments: Any) -> Any:
    """Runs one attack and returns how far it got; None when the attacker did not survive it."""
    path = f"/agents/{ATTACKER}/api/attack/{name}"
    reply = pac.post(path, arguments, timeout_s=timeout_s)
    return reply.json() if reply.status == 200 else None


@pytest.fixture
def unharmed(platform: Pac, victim: dict, attacker: dict) -> Iterator[None]:
    """Around an attack: the neighbour answers every request, and nothing of the platform died."""
    before = {role: platform.role(role) for role in ("serve", "control", "edge", "node")}
    with Load(platform, [f"/agents/{VICTIM}/api/secret", "/healthz"]) as load:
        yield
    assert load.failures == []
    assert victim in load.answers, "the same process with the same secret"
    assert {role: platform.role(role) for role in before} == before


def instance_of(pac: Pac, app: str) -> dict[str, Any]:
    """The one live instance of an app."""
    (instance,) = pac.live_instances(app).values()
    return instance


def instance_dir(pac: Pac, app: str) -> Path:
    """Where it lives."""
    return pac.state / "instances" / instance_of(pac, app)["id"]


def wait_back(pac: Pac, has_changed: Callable[[dict], bool]) -> dict[str, Any]:
    """Waits until the attacker answers again and is another one."""

    def ask() -> dict | None:
        reply = pac.get(f"/agents/{ATTACKER}/api/self", timeout_s=30)
        return reply.json() if reply.status == 200 and has_changed(reply.json()) else None

    return wait_until("the attacker is back", ask, BACK_DEADLINE_S)


def log_of(pac: Pac, instance: str) -> str:
    """What an instance logged."""
    return (pac.state / "instances" / instance / "par.log").read_text(errors="replace")


def test_it_has_no_rights(platform: Pac, attacker: dict, victim: dict) -> None:
    status = attacker["status"]

    assert attacker["uid"] >= 200_000
    assert status["NoNewPrivs"] == "1"
    assert {status[name] for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {"0" * 16}
    assert status["Groups"].strip() in ("", str(attacker["uid"]))
    neighbour = Path(f"/proc/{victim['pid']}").stat().st_uid
    assert neighbour not in (0, attacker["uid"])


@pytest.mark.usefixtures("unharmed")
def test_it_gains_no_rights(platform: Pac) -> None:
    found = attack(platform, "escalate")

    assert {name for name, result in found.items() if result == "got in"} == set(), found


@pytest.mark.usefixtures("unharmed")
def test_it_reads_nothing_of_others(platform: Pac, victim: dict) -> None:
    state, other = platform.state, instance_dir(platform, VICTIM)
    own = instance_dir(platform, ATTACKER)
    package = next(other.glob("work/package/**/agent.yaml"))
    secret = Path(victim["home"]) / "secret.txt"
    assert secret.read_text() == SECRET
    assert secret.stat().st_mode & 0o777 == 0o666, "only the way to it protects it"

    targets = [
        *(secret, package, other, other / "work", other / "spec.json", other / "par.log"),
        *(state, state / "pixell.db", state / "packages", state / "instances", state / "run"),
        *(state / "journal", state / "edge", state / "run" / "control.pid"),
        *(own / "spec.json", own / "par.log"),
    ]
    missing = [str(path) for path in targets if not path.exists()]
    assert missing == []
    found = attack(platform, "read", paths=[str(path) for path in targets])

    assert {path: result for path, result in found.items() if result not in HIDDEN} == {}


@pytest.mark.usefixtures("unharmed")
def test_it_changes_nothing_of_others(platform: Pac, victim: dict) -> None:
    state, other = platform.state, instance_dir(platform, VICTIM)
    environments = next((state / "environments").iterdir())

    targets = [
        *(Path(victim["home"]), Path(victim["home"]) / "secret.txt", other, other / "state.json"),
        *(state, state / "pixell.db", state / "packages", state / "run", environments),
        *(instance_dir(platform, ATTACKER), Path("/sys/fs/cgroup")),
    ]
    found = attack(platform, "write", paths=[str(path) for path in targets])

    assert {path: result for path, result in found.items() if result not in HIDDEN | {"EROFS"}} == {}


@pytest.mark.usefixtures("unharmed")
def test_it_connects_to_nobody(platform: Pac) -> None:
    sockets = [*(platform.state / "run").glob("*.sock")]
    for app in (VICTIM, ATTACKER):
        sockets.append(instance_dir(platform, app) / "par.sock")
    sockets += instance_dir(platform, VICTIM).glob("work/run/*.sock")
    assert len(sockets) >= 4, sockets

    found = attack(platform, "connect", paths=[str(path) for path in sockets])

    assert {path: result for path, result in found.items() if result not in HIDDEN} == {}


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("target", ["node.sock", "control.sock"])
def test_it_cannot_make_par_connect_for_it(platform: Pac, attacker: dict, target: str) -> None:
    link = {"own": "rest.sock", "target": str(platform.state / "run" / target)}
    own = Path(attack(platform, "relink", **link)["own"])
    try:
        # More at once than there are connections to the agent: some need a new one.
        with ThreadPoolExecutor(12) as clients:
            path = f"/agents/{ATTACKER}/api/slow"
            asked = [clients.submit(platform.get, path, timeout_s=60) for _ in range(12)]
        statuses = {reply.result().status for reply in asked}
    finally:
        own.unlink()
        own.with_name("rest.sock.kept").rename(own)

    # Whoever listens there would have answered 404.
    assert statuses <= {200, 503}
    assert 503 in statuses


@pytest.mark.usefixtures("unharmed")
def test_it_cannot_look_into_or_end_others(platform: Pac, victim: dict) -> None:
    pids = [victim["pid"], instance_of(platform, VICTIM)["pid"]]
    pids.append(instance_of(platform, ATTACKER)["pid"])
    pids += [platform.role(role).pid for role in ("serve", "control", "edge", "node")]

    found = attack(platform, "intrude", pids=pids)

    assert len(found) == 10 * len(pids)
    assert {what: result for what, result in found.items() if result not in REFUSED} == {}


@pytest.mark.usefixtures("unharmed")
def test_a_signal_to_all_reaches_nobody_else(platform: Pac, attacker: dict) -> None:
    before = myself(platform)

    attack(platform, "kill_everything")

    assert wait_back(platform, lambda now: True)["parent"] == before["parent"]


def test_it_inherits_nothing(platform: Pac, attacker: dict) -> None:
    found = attack(platform, "inherited")

    own = f"{instance_dir(platform, ATTACKER)}/work/"
    foreign = {
        number: what
        for number, what in found.items()
        if what.startswith("/") and not what.startswith((own, "/dev/null", "/proc/"))
    }
    assert foreign == {}


@pytest.mark.usefixtures("unharmed")
def test_it_opens_a_limited_number_of_files(platform: Pac) -> None:
    found = attack(platform, "open_files")

    assert found["error"] == "EMFILE"
    assert found["count"] <= 4096


@pytest.mark.usefixtures("unharmed")
def test_one_file_is_no_larger_than_its_limit(platform: Pac) -> None:
    # Below the limit as a whole it would be measured and ended before the write fails.
    found = attack(platform, "one_large_file", megabytes=4 * DISK_MB)

    assert found is None or (found["error"] == "EFBIG" and found["megabytes"] <= DISK_MB)
    wait_back(platform, lambda now: True)


@pytest.mark.usefixtures("unharmed")
def test_a_fork_bomb_is_contained(platform: Pac, attacker: dict) -> None:
    found = attack(platform, "fork_bomb", seconds=5)

    assert found is None or found["most"] <= PROCESSES
    # The bomb still burns. Its worker is ended: everything the agent started goes with it.
    uid = wait_until("the attacker's user", lambda: own_uid(platform), 10)
    assert 1 < len(processes_of(uid)) <= PROCESSES
    worker = worker_of(platform)
    worker.send(9)

    wait_back(platform, lambda now: now["pid"] != worker.pid)
    assert len(processes_of(uid)) < 8


def own_uid(pac: Pac) -> int:
    """The attacker's user."""
    return (instance_dir(pac, ATTACKER) / "work" / "home").stat().st_uid


def processes_of(uid: int) -> list[int]:
    """The pids of a user's processes."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and entry.stat().st_uid == uid:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def worker_of(pac: Pac) -> processes.Process:
    """The attacker's worker: the child of its par."""
    par = instance_of(pac, ATTACKER)["pid"]
    children = Path(f"/proc/{par}/task/{par}/children").read_text(encoding="ascii").split()
    (worker,) = [int(pid) for pid in children if user_of(int(pid)) == own_uid(pac)]
    process = processes.find(worker)
    assert process is not None
    return process


def user_of(pid: int) -> int:
    """The user of a process."""
    return Path(f"/proc/{pid}").stat().st_uid


def test_memory_is_limited_and_the_cause_named(
    platform: Pac, attacker: dict, request: pytest.FixtureRequest
) -> None:
    if not platform.get("/v1/system").json()["engine"]["memory_limits"]:
        pytest.skip("MEMORY LIMITS ARE NOT TESTED: this machine has no writable control groups")
    request.getfixturevalue("unharmed")
    before = myself(platform)
    instance = instance_of(platform, ATTACKER)

    assert attack(platform, "eat_memory") is None

    after = wait_back(platform, lambda now: now["pid"] != before["pid"])
    assert after["parent"] == before["parent"], "par itself survived"
    assert '"cause":"out_of_memory"' in log_of(platform, instance["id"]).replace(" ", "")


@pytest.mark.parametrize(
    ("folder", "hide"), [("$HOME", False), ("$TMPDIR", True), ("/tmp", False)]
)
@pytest.mark.usefixtures("unharmed")
def test_disk_is_limited_and_the_cause_named(platform: Pac, folder: str, hide: bool) -> None:
    before = myself(platform)
    instance = instance_of(platform, ATTACKER)["id"]

    try:
        assert attack(platform, "many_files", folder=folder, megabytes=2 * DISK_MB, hide=hide) is None
        ended = wait_until("the instance ended", lambda: failure_of(platform, instance), 60)
    finally:
        for path in Path("/tmp").glob(f"attacker-{before['uid']}-*"):
            path.unlink()

    assert ended["cause"] == "disk_limit"
    assert f"{DISK_MB} MiB" in ended["message"]
    assert ended["remedy"]
    wait_back(platform, lambda now: now["parent"] != before["parent"])


def failure_of(pac: Pac, instance: str) -> dict | None:
    """Why an instance ended, when it has."""
    for shown in pac.app(ATTACKER)["instances"]:
        if shown["id"] == instance and shown["phase"] == "failed":
            return shown["boot_report"]["failure"]
    return None
