"""Instructions by function, from what `valgrind --tool=callgrind` writes."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from pathlib import Path

# Lines of cost: a position (absolute, relative or `*`), then the events; the first is `Ir`.
COST = re.compile(r"(?:[+-]?\d+|\*)\s+(\d+)")
NAME = re.compile(r"(c?fn|c?ob)=(?:\((\d+)\))?\s*(.*)")
UNKNOWN = "0x"  # what a function of a stripped library is called
# What only the thread of an event loop does, which adds to it before it runs it. What is written of a
# process that ends may lack `run`, in which the thread still was; it has taken on much before.
LOOP = ("EventLoop::run", "EventLoop::add(")


@dataclasses.dataclass
class Costs:
    """Instructions of one thread or of several, by the name of the function."""

    own: Counter[str] = dataclasses.field(default_factory=Counter)
    inclusive: Counter[str] = dataclasses.field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.own.values())

    def add(self, other: Costs) -> None:
        """Adds another thread's."""
        self.own.update(other.own)
        self.inclusive.update(other.inclusive)

    def less(self, other: Costs) -> Costs:
        """What this run took more than the other, shorter one."""
        longer = Costs(Counter(self.own), Counter(self.inclusive))
        longer.own.subtract(other.own)
        longer.inclusive.subtract(other.inclusive)
        return longer


def parse(text: str) -> Costs:
    """The costs in one file of callgrind's.

    What a function calls counts as inclusive for it but for calls of itself; in cycles of several
    functions a call counts more than once, so inclusive figures there are upper bounds.
    """
    costs = Costs()
    names: dict[tuple[str, str], str] = {}
    now = {"fn": "", "cfn": "", "ob": "", "cob": ""}
    is_call = False
    for line in text.splitlines():
        if line.startswith("calls="):
            is_call = True
        elif found := NAME.match(line):
            kind, number, name = found.groups()
            if name and number:
                names[kind[-2:], number] = name
            now[kind] = name or names[kind[-2:], number or ""]
            if kind == "ob":
                now["cob"] = now["ob"]
            elif kind in ("fn", "cfn") and now[kind].startswith(UNKNOWN):
                place = now["cob" if kind == "cfn" else "ob"]
                now[kind] = f"{now[kind]} of {Path(place).name}"
        elif found := COST.match(line):
            cost = int(found[1])
            if not is_call:
                costs.own[now["fn"]] += cost
            if not is_call or now["cfn"] != now["fn"]:
                costs.inclusive[now["fn"]] += cost
            if is_call:
                now["cob"] = now["ob"]  # named again for each call of another object's function
            is_call = False
    return costs


def by_thread_kind(files: list[Path]) -> tuple[Costs, Costs]:
    """The costs of the threads that run an event loop, and of all others.

    `files` are those of a process that ran with --separate-threads=yes.
    """
    loops, others = Costs(), Costs()
    for path in files:
        costs = parse(path.read_text(encoding="utf-8", errors="replace"))
        is_loop = any(mark in name for name in costs.own for mark in LOOP)
        (loops if is_loop else others).add(costs)
    return loops, others


def top(costs: Counter[str], share_of: float, count: int) -> list[tuple[float, str]]:
    """The `count` functions with the most, each per request; `share_of` is the requests."""
    return [(cost / share_of, short(name)) for name, cost in costs.most_common(count)]


def short(name: str) -> str:
    """A function's name without template arguments, parameters and what is not told apart by."""
    for noise in ("pixell::", "(anonymous namespace)::", "[abi:cxx11]", "std::__cxx11::"):
        name = name.replace(noise, "")
    name = re.sub(r"^0x0+", "0x", name)
    before = None
    while name != before:
        before = name
        name = re.sub(r"<[^<>]*>", "", name) if "operator<" not in name else name
    return re.sub(r"(?<=.)\((?:[^()]|\([^()]*\))*\)(?: const)?$", "", name)[:110]
