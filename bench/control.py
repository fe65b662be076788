"""./dev bench control: accepting deployments, rollbacks, route changes, redeploys of an agent.

Starts platforms of its own on free ports with scratch state directories: one with the fake engine,
so that accepting is measured while the control plane works and no agent does, and one with the
local engine.
"""

from __future__ import annotations

import datetime
import http.client
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "tools")]

from devtool.apkg import write_apkg  # noqa: E402
from devtool.pac import Pac, Reply, free_port, wait_until  # noqa: E402
from measure import median, percentile, table, wrk  # noqa: E402

AGENT = ROOT / "bench" / "agent"
APP = "warm"
AGENT_PATH = f"/agents/{APP}/api/bench"
EXPLAIN_PATH = f"/v1/edge/explain?url=/agents/{APP}/api/bench"

WORKER = "boot: worker"

ROUNDS = 3
RATE = 50  # deployments a second that are asked for, whatever the answers do
RATE_SECONDS = 6
CONNECTIONS = 16
FLOOD_SECONDS = 4
APPS = 64
REDEPLOYS = 36
ROLLBACKS = 48
ROUTE_CHANGES = 120
DEADLINE_S = 60
LOOK_S = 0.001


class Client:
    """A connection to the platform that stays open. For one thread."""

    def __init__(self, pac: Pac) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", pac.port, timeout=DEADLINE_S)

    def call(self, method: str, path: str, body: Any = None) -> Reply:
        """One request; `body` is sent as JSON. Raises OSError when nobody answers."""
        payload = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        self._connection.request(method, path, body=payload, headers=headers)
        answer = self._connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, names, answer.read())

    def expect(self, status: int, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The JSON that is answered with `status`; RuntimeError with any other."""
        reply = self.call(method, path, body)
        if reply.status != status:
            raise RuntimeError(f"{method} {path} answered {reply.status}: {reply.text}")
        return reply.json()


def look_until(what: str, condition: Callable[[], Any]) -> Any:
    """Asks `condition` every LOOK_S until its answer is true, and returns it."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(LOOK_S)
    raise RuntimeError(f"{what}: not within {DEADLINE_S} s")


def unix_ms(text: str) -> float:
    """A time of the API in milliseconds since 1970."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


def now_ms() -> float:
    """This moment on the clock that the API's times are of."""
    return time.time() * 1000


def p50_p95(values: list[float]) -> str:
    """Both as the table shows them."""
    return f"p50 {percentile(values, 0.5):.0f} ms, p95 {percentile(values, 0.95):.0f} ms"


# ------------------------------------------------------------------------------------ accepting


def accept_at_rate(pac: Pac, package: Path) -> list[float]:
    """Milliseconds to the 202 of requests that are sent RATE times a second.

    A request that waits for its connection's earlier one has begun when it was due.
    """
    total = RATE * RATE_SECONDS
    start = time.perf_counter() + 0.2

    def send(connection: int) -> list[float]:
        client = Client(pac)
        took = []
        for number in range(connection, total, CONNECTIONS):
            due = start + number / RATE
            if (early := due - time.perf_counter()) > 0:
                time.sleep(early)
                due = time.perf_counter()
            body = {"agentAppId": f"app-{number % APPS}", "packageUrl": package.as_uri()}
            client.expect(202, "POST", "/deployments", body)
            took.append((time.perf_counter() - due) * 1000)
        return took

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return [took for each in pool.map(send, range(CONNECTIONS)) for took in each]


def write_flood(package: Path, script: Path) -> Path:
    """The script by which wrk deploys `package` to APPS apps in turn."""
    script.write_text(f"""
local headers = {{["Content-Type"] = "application/json"}}
local number = 0
function request()
  number = number + 1
  local body = string.format('{{"agentAppId":"app-%d","packageUrl":"{package.as_uri()}"}}',
                             number % {APPS})
  return wrk.format("POST", "/deployments", headers, body)
end
""")
    return script


def wait_idle(pac: Pac) -> float:
    """Waits until every deployment has ended; returns the seconds that took."""
    start = time.perf_counter()

    def is_idle() -> bool:
        stats = pac.get("/api/deployments/queue/stats").json()["stats"]
        return stats["queued"] + stats["processing"] == 0

    wait_until("every deployment has ended", is_idle, DEADLINE_S)
    return time.perf_counter() - start


def bench_accepting(directory: Path) -> list[tuple[str, str]]:
    """Deployments accepted at a fixed rate and as fast as may be, in turn."""
    paced, floods, ended = [], [], []
    with Pac(directory / "fake", free_port(), engine="fake") as pac:
        package = write_apkg(AGENT, pac.inbox / "bench.apkg").resolve()
        script = write_flood(package, directory / "flood.lua")
        for app in range(APPS):  # as in a platform that has been used
            pac.deploy(f"app-{app}", package)
        wait_idle(pac)
        for _ in range(ROUNDS):
            paced.append(accept_at_rate(pac, package))
            wait_idle(pac)
            accepted = wrk(f"{pac.url}/deployments", CONNECTIONS, FLOOD_SECONDS, script)
            floods.append(accepted / FLOOD_SECONDS)
            ended.append(accepted / (FLOOD_SECONDS + wait_idle(pac)))
    times = ", ".join(
        f"p{share * 100:.0f} {median([percentile(took, share) for took in paced]):.1f} ms"
        for share in (0.5, 0.95, 0.99)
    )
    rounds = ", ".join(f"{percentile(took, 0.99):.1f}" for took in paced)
    what = f"{CONNECTIONS} connections for {FLOOD_SECONDS} s"
    return [
        (f"accepting {RATE} deployments a second, {RATE * RATE_SECONDS} a round", times),
        ("its p99, each round", f"{rounds} ms"),
        (f"deployments accepted a second, {what}", f"{median(floods):,.0f}"),
        ("deployments ended a second, those of one app superseding", f"{median(ended):,.0f}"),
    ]


# ------------------------------------------------------------------------------------ redeploys


def final_deployment(client: Client, deployment: str) -> dict[str, Any]:
    """The deployment once it has completed."""

    def ended() -> dict[str, Any] | None:
        found = client.expect(200, "GET", f"/v1/deployments/{deployment}")["deployment"]
        return None if found["state"] in ("queued", "processing") else found

    found = look_until(f"deployment {deployment} ends", ended)
    if found["state"] != "completed":
        raise RuntimeError(f"deployment {deployment} is {found['state']}: {found.get('failure')}")
    return found


def answers_of(client: Client, revision: int) -> Callable[[], bool]:
    """Whether a request through the edge is answered by that revision."""

    def is_answered() -> bool:
        reply = client.call("GET", AGENT_PATH)
        return reply.status == 200 and reply.headers.get("x-pixell-revision") == str(revision)

    return is_answered


def routes_to(client: Client, revision: int) -> Callable[[], bool]:
    """Whether the edge sends requests to that revision; costs the agent nothing."""

    def is_routed() -> bool:
        return client.expect(200, "GET", EXPLAIN_PATH)["chosen_revision"] == revision

    return is_routed


def phases_of(pac: Pac, client: Client, began: float, done: dict) -> dict[str, float]:
    """Milliseconds of what follows one another in a redeploy, by its own times and par's report."""
    revision = done["revision"]
    page = client.expect(200, "GET", f"/v1/instances?app={APP}&revision={revision}")
    (instance,) = page["instances"]
    report = json.loads((pac.state / "instances" / instance["id"] / "boot_report.json").read_text())
    boot = {phase["name"]: phase["ms"] for phase in report["phases"]}
    worker = boot.pop("worker")
    edge = client.expect(200, "GET", EXPLAIN_PATH)
    history = client.expect(200, "GET", f"/v1/events?app={APP}&kind=route_changed&limit=1000")
    accepted = unix_ms(done["created_at"])
    steps = {step["name"]: step for step in done["steps"]}
    recorded = unix_ms(steps["start_instance"]["started_at"])
    started = unix_ms(instance["started_at"])
    ready = unix_ms(instance["changed_at"])
    (routed,) = (
        unix_ms(event["at"])
        for event in history["events"]
        if event["detail"]["generation"] == edge["generation"]
    )
    applied = unix_ms(edge["applied_at"])
    return {
        "accept": accepted - began,
        "import": recorded - accepted,
        "start": started - recorded,
        **{f"boot: {name}": millis for name, millis in boot.items()},
        WORKER: worker,
        "seen": ready - started - report["total_ms"],
        "route": routed - ready,
        "edge": applied - routed,
        "complete": unix_ms(done["completed_at"]) - applied,
    }


def bench_redeploys(pac: Pac, client: Client) -> list[tuple[str, str]]:
    """Next revisions of an app whose dependencies are in the environment store."""
    answered, completed, splits = [], [], []
    for number in range(REDEPLOYS):
        package = write_apkg(AGENT, pac.inbox / f"{number}.apkg", {"n.txt": str(number)})
        body = {"package_url": package.resolve().as_uri()}
        began = now_ms()
        sent = client.expect(202, "POST", f"/v1/apps/{APP}/deployments", body)["deployment"]
        look_until("the edge has the new revision", routes_to(client, number + 2))
        look_until("the new revision answers", answers_of(client, number + 2))
        took = now_ms() - began
        done = final_deployment(client, sent["id"])
        split = phases_of(pac, client, began, done)
        splits.append(split)
        answered.append(took - split[WORKER])
        completed.append(unix_ms(done["completed_at"]) - began - split[WORKER])
        settle(client)
    middle = {name: median([split[name] for split in splits]) for name in splits[0]}
    worker = middle.pop(WORKER)
    split = ", ".join(f"{name} {millis:.1f}" for name, millis in middle.items())
    what = f"redeploy → completed, without the agent's import, {REDEPLOYS} runs"
    return [
        (what, p50_p95(completed)),
        ("redeploy → first answer, its first request included", p50_p95(answered)),
        ("its phases, p50", f"{split} ms"),
        ("the agent's import: its interpreter and modules", f"p50 {worker:.0f} ms"),
    ]


def settle(client: Client) -> None:
    """Waits until the revisions that are no longer kept warm have ended."""

    def is_settled() -> bool:
        instances = client.expect(200, "GET", f"/v1/instances?app={APP}")["instances"]
        return len(instances) <= 2 and all(each["phase"] == "ready" for each in instances)

    look_until("former instances have ended", is_settled)


# ------------------------------------------------------------------------- rollbacks and routes


def bench_rollbacks(client: Client) -> list[tuple[str, str]]:
    """Rollbacks to and fro between two revisions that both run."""
    app = client.expect(200, "GET", f"/v1/apps/{APP}")
    present = app["app"]["desired_revision"]
    (former,) = {each["revision"] for each in app["instances"]} - {present}
    answered, completed, both = [], [], []
    for _ in range(ROLLBACKS):
        began = now_ms()
        sent = client.expect(202, "POST", f"/v1/apps/{APP}/rollback")["deployment"]
        look_until("the former revision answers", answers_of(client, former))
        answered.append(now_ms() - began)
        done = final_deployment(client, sent["id"])
        completed.append(unix_ms(done["completed_at"]) - began)
        both.append(max(answered[-1], completed[-1]))
        present, former = former, present
    rows = []
    for what, values in (
        (f"rollback to a revision that runs → its first answer, {ROLLBACKS} runs", answered),
        ("rollback → completed", completed),
        ("rollback → both", both),
    ):
        shares = (0.5, 0.95, 0.99)
        times = ", ".join(f"p{s * 100:.0f} {percentile(values, s):.0f} ms" for s in shares)
        rows.append((what, times))
    return rows


def bench_route_changes(client: Client) -> list[tuple[str, str]]:
    """All traffic moved to and fro between two revisions by PUT …/traffic."""
    app = client.expect(200, "GET", f"/v1/apps/{APP}")
    first, second = sorted({each["revision"] for each in app["instances"]})
    from_sending, from_answer = [], []

    def move(to: int, other: int) -> None:
        legs = [
            {"revision": to, "weight_permille": 1000},
            {"revision": other, "weight_permille": 0, "tag": "other"},
        ]
        began = time.perf_counter()
        client.expect(200, "PUT", f"/v1/apps/{APP}/traffic", {"legs": legs})
        accepted = time.perf_counter()
        look_until("the edge has the route", routes_to(client, to))
        seen = time.perf_counter()
        from_sending.append((seen - began) * 1000)
        from_answer.append((seen - accepted) * 1000)

    for _ in range(ROUTE_CHANGES // 2):
        move(first, second)
        move(second, first)
    shares = (0.5, 0.95, 0.99)
    rows = []
    for what, values in (
        (f"PUT traffic accepted → the edge routes by it, {ROUTE_CHANGES} changes", from_answer),
        ("PUT traffic sent → the edge routes by it", from_sending),
    ):
        times = ", ".join(f"p{s * 100:.0f} {percentile(values, s):.1f} ms" for s in shares)
        rows.append((what, times))
    return rows


def bench_local(directory: Path) -> list[tuple[str, str]]:
    """What needs agents that run."""
    with Pac(directory / "local", free_port()) as pac:
        pac.deploy_and_wait(APP, write_apkg(AGENT, pac.inbox / "bench.apkg"))
        client = Client(pac)
        return [
            *bench_redeploys(pac, client),
            *bench_rollbacks(client),
            *bench_route_changes(client),
        ]


def main() -> int:
    """Runs everything."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="pixell-bench-") as scratch:
        directory = Path(scratch)
        directory.chmod(0o755)  # agents run as users of their own
        rows = [*bench_accepting(directory), *bench_local(directory)]
    loads = f"{load:.1f} before, {os.getloadavg()[0]:.1f} after"
    print(table([*rows, ("processes that wanted to run (load), the last minute", loads)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
