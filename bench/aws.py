"""./dev bench aws: what a deployment asks of AWS, and how long a roll-out over many agents takes.

Calls are counted against moto, an emulator, by what goes over the wire. The roll-out is simulated:
the product's rate limiter and pauses against a model of AWS's buckets, in a time that nobody waits
for.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "tools", "tests")]

from pixell_testing.aws import Probe  # noqa: E402
from pixell_testing.ecs import revision  # noqa: E402
from pixell_testing.ecs_cloud import Cloud, action_of, running_cloud  # noqa: E402

AGENTS = 1_000
LATENCY_MS = 50
WORKERS = 16
MOST_OF_THE_FLOOR = 1.2
FIRST_LOOKS = 3  # until all tasks are bound and tagged
LOOKS = 10  # services are compared a hundred a look: this is each of them once
MOST_CALLS_OF_A_LOOK = 30
# Names of boto3 by those that requests are signed with.
SERVICES = {"elasticloadbalancing": "elbv2", "servicequotas": "service-quotas"}
GUARD = 85  # target groups of one load balancer that are used
GROUPS_OF_AN_APP = 4
QUOTA_OF_GROUPS = 3_000  # in a region, unasked

Calls = list[tuple[str, str]]


def calls_since(cloud: Cloud, start: int) -> Calls:
    """Service and action of the requests from there on."""
    found = []
    asked = zip(cloud.proxy.asked[start:], cloud.proxy.bodies[start:], strict=True)
    for (_, _, headers), body in asked:
        (service,) = re.findall(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", headers["Authorization"])
        found.append((SERVICES.get(service, service), action_of(headers, body)))
    return found


def counted(cloud: Cloud, **asked: object) -> Calls:
    """The calls of an ensure."""
    start = len(cloud.proxy.asked)
    cloud.placed(**asked)
    return calls_since(cloud, start)


def deployments(cloud: Cloud, routing: str) -> dict[str, Calls]:
    """The calls of each kind of deployment."""
    cloud.prepare()
    settings = cloud.alb if routing == "alb" else cloud.settings
    second = revision(revision=8, package_sha256="c" * 64)
    return {
        "first revision": counted(cloud, settings=settings),
        "unchanged": counted(cloud, settings=settings),
        "second revision": counted(cloud, settings=settings, spec=second),
    }


def listed(calls: Calls) -> str:
    """How often each action of each service."""
    services: dict[str, list[str]] = {}
    for (service, action), count in sorted(Counter(calls).items()):
        services.setdefault(service, []).append(f"{count}× {action}" if count > 1 else action)
    return "; ".join(f"{name}: {', '.join(actions)}" for name, actions in services.items())


def floor_of(probe: Probe, calls: Calls) -> tuple[float, str]:
    """The least time in which AWS's rates allow all agents' calls, and the bucket that decides."""
    rates = probe.ask(op="rates", calls=calls)["rates"]
    needed = {
        bucket: max(0.0, AGENTS * rate["calls"] - rate["burst"]) / rate["per_second"]
        for bucket, rate in rates.items()
    }
    slowest = max(needed, key=lambda bucket: needed[bucket])
    return needed[slowest], slowest


def rollouts(probe: Probe, kinds: dict[str, Calls]) -> tuple[list[list[str]], bool]:
    """Rows of the simulation, and whether it kept what it should."""
    rows, is_kept = [], True
    for kind, calls in kinds.items():
        floor, bucket = floor_of(probe, calls)
        for share in (1.0, 0.5):
            ran = probe.ask(
                op="rollout", agents=AGENTS, calls=calls, workers=WORKERS,
                latency_ms=LATENCY_MS, share=share,
            )  # fmt: skip
            least = floor / share
            ratio = ran["seconds"] / least
            is_kept &= share < 1 or ratio <= MOST_OF_THE_FLOOR
            rows.append([
                f"{kind}, AWS gives {share:.0%} of what is published",
                f"{ran['seconds']:,.0f} s",
                f"{least:,.0f} s ({bucket})",
                f"{ratio:.2f}",
                f"{100 * ran['throttled'] / ran['sent']:.1f} % of {ran['sent']:,}, "
                f"{ran['given_up']} given up",
            ])  # fmt: skip
    return rows, is_kept


def idle_looks(probe: Probe, folder: Path) -> tuple[list[list[str]], bool]:
    """Rows of what the engine's own looks at idle services cost, and whether it is what it should."""
    state = folder / "state"
    state.mkdir(mode=0o755)
    told = probe.ask(
        op="idle_looks", agents=AGENTS, state_dir=str(state), first_looks=FIRST_LOOKS, looks=LOOKS
    )
    assert told.get("ready") == AGENTS, told
    totals = {sum(calls.values()) for calls in told["looks"]}
    every_s = told["every_ms"] / 1000
    which = [("ecs", action) for action, count in told["looks"][0].items() for _ in range(count)]
    rows = [[
        f"{AGENTS:,} agents, nothing under way, each of {LOOKS} looks",
        " to ".join(str(each) for each in sorted({min(totals), max(totals)})),
        listed(which),
        f"{max(totals) / every_s:.1f}, with a look every {every_s:.0f} s",
    ]]  # fmt: skip
    return rows, max(totals) <= MOST_CALLS_OF_A_LOOK


def balancers() -> list[list[str]]:
    """Load balancers and target groups for all agents, by the template and by the guard."""
    text = (ROOT / "deploy" / "cloudformation" / "foundation.yaml").read_text()
    ours = len(re.findall(r"AWS::ElasticLoadBalancingV2::TargetGroup\n", text))
    albs = len(re.findall(r"Type: application\n", text))
    shards = -(-AGENTS // (GUARD // GROUPS_OF_AN_APP))
    needed = AGENTS * GROUPS_OF_AN_APP
    over = f"; a region has {QUOTA_OF_GROUPS:,} unasked" if needed > QUOTA_OF_GROUPS else ""
    return [
        ["edge", str(albs), str(ours)],
        ["alb", str(shards), f"{needed:,}, {GROUPS_OF_AN_APP} an agent{over}"],
    ]


def table(heading: list[str], rows: list[list[str]]) -> None:
    """Prints a table as bench/README.md keeps it."""
    for cells in ["", heading, ["---"] * len(heading), *rows]:
        print(f"| {' | '.join(cells)} |" if cells else "")


def main() -> int:
    """Counts, simulates, and prints the tables that bench/README.md keeps."""
    with tempfile.TemporaryDirectory(prefix="px-aws-") as folder:
        with running_cloud(Path(folder)) as cloud:
            kinds = {routing: deployments(cloud, routing) for routing in ("edge", "alb")}
            rows = [
                [f"{routing}, {kind}", str(len(calls)), listed(calls)]
                for routing, each in kinds.items()
                for kind, calls in each.items()
            ]
            table(["deployment", "calls", "which"], rows)
            idle = {routing: len(each["unchanged"]) for routing, each in kinds.items()}
            syncs = [
                [f"{routing}, {AGENTS:,} agents, nothing changed", f"{count * AGENTS:,}"]
                for routing, count in idle.items()
            ]
            table(["a sync of every agent", "calls"], syncs)
            second = {routing: each["second revision"] for routing, each in kinds.items()}
            looks, is_cheap = idle_looks(cloud.probe, Path(folder))
            table(["a look of the engine", "calls", "which", "calls a second"], looks)
            rows, is_kept = rollouts(cloud.probe, second)
            table(["roll-out", "time", "floor (bucket)", "ratio", "throttled"], rows)
    table(
        [f"routing, {AGENTS:,} agents", "application load balancers", "target groups"], balancers()
    )
    return 0 if is_kept and is_cheap else 1


if __name__ == "__main__":
    sys.exit(main())
