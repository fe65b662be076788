"""Which request was lost by what, and whether it may have been."""

from __future__ import annotations

import collections
import dataclasses
import re
import statistics
from collections.abc import Iterable

from .incidents import Incident
from .traffic import Failure

# What ends the process that a request is in: that request is lost, and may be told so.
LOSSY = {"kill edge", "kill an instance", "kill a worker"}
# How long after an incident a request that is lost is lost by it rather than by a deploy.
AFTERMATH_S = 5.0
DEPLOYS = "deploys, canaries, rollbacks, broken packages"


@dataclasses.dataclass
class Row:
    """What one kind of incident cost."""

    times: int = 0
    in_flight: list[Failure] = dataclasses.field(default_factory=list)
    others: list[Failure] = dataclasses.field(default_factory=list)
    untyped: list[Failure] = dataclasses.field(default_factory=list)
    back_s: list[float] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Verdict:
    """Everything that was done and what it cost, by kind."""

    rows: dict[str, Row]
    answers: dict[str, int]
    ends: dict[str, int]
    seconds: float
    seed: int

    def complaints(self) -> list[str]:
        """Every request that must not have been lost, or was lost without a word; those of one kind
        and reason together."""
        found: collections.Counter[str] = collections.Counter()
        for kind, row in self.rows.items():
            for what, failures in (("lost", row.others), ("not told why", row.untyped)):
                for failure in failures:
                    reason = re.sub(r"\d+", "…", failure.error)
                    found[f"{kind}: {failure.kind} {what}: {reason}"] += 1
        return [f"{count} × {complaint}" for complaint, count in found.most_common()]

    def table(self) -> str:
        """As it stands in bench/README.md."""
        lines = [
            "| what was done | times | in flight, lost | lost without a word or a reason "
            "| back after, p50 / max |",
            "|---|---|---|---|---|",
        ]
        for kind, row in self.rows.items():
            back = f"{statistics.median(row.back_s):.2f} / {max(row.back_s):.2f} s" if row.back_s else ""
            told = len(row.in_flight) - len(row.untyped)
            lost = len(row.others) + len(row.untyped)
            lines.append(f"| {kind} | {row.times:,} | {told:,} | {lost:,} | {back} |")
        answered = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.answers.items()))
        ends = ", ".join(f"{count:,} {state}" for state, count in sorted(self.ends.items()))
        lines += ["", f"Answered meanwhile: {sum(self.answers.values()):,} ({answered})."]
        lines += [f"Deployments: {ends}. {self.seconds:.0f} s, seed {self.seed}."]
        return "\n".join(lines)


def judge(incidents: Iterable[Incident], failures: Iterable[Failure]) -> dict[str, Row]:
    """Gives each failure to the incident that it comes from: to one that may cost what is in flight
    when it was; else to the last one that began not long before it ended; else to the deploys."""
    rows: dict[str, Row] = collections.defaultdict(Row)
    rows[DEPLOYS] = Row()
    incidents = sorted(incidents, key=lambda each: each.at)
    for incident in incidents:
        rows[incident.kind].times += 1
        rows[incident.kind].back_s.append(incident.back_s)
    for failure in failures:
        hit = [
            each
            for each in incidents
            if each.kind in LOSSY and failure.was_cut(each.at, each.over_at)
        ]
        if hit:
            row = rows[hit[-1].kind]
            row.in_flight.append(failure)
            if not failure.is_typed:
                row.untyped.append(failure)
            continue
        recent = [
            each
            for each in incidents
            if each.at <= failure.ended_at and failure.started_at <= each.over_at + AFTERMATH_S
        ]
        rows[recent[-1].kind if recent else DEPLOYS].others.append(failure)
    return dict(rows)
