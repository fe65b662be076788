"""What the parts of `./dev test` found: counting, reading JUnit files, the table at the end."""

import dataclasses
import xml.etree.ElementTree as ElementTree
from pathlib import Path


@dataclasses.dataclass
class Counts:
    """How many tests passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
        )


@dataclasses.dataclass
class PartResult:
    """One line of the table."""

    name: str
    seconds: float
    counts: Counts
    note: str = ""


def read_junit(path: Path) -> Counts:
    """Counts the test cases of a JUnit file, as ctest and pytest write them."""
    counts = Counts()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        # ctest marks a test that was disabled or never started by its status attribute.
        status = case.get("status", "run")
        if kinds & {"failure", "error"}:
            counts.failed += 1
        elif "skipped" in kinds or status in ("disabled", "notrun"):
            counts.skipped += 1
        else:
            counts.passed += 1
    return counts


def counts_of_run(exit_code: int, junit: Path) -> Counts:
    """The counts of a test program; never green when it did not end well or ran nothing."""
    if not junit.exists():
        return Counts(failed=1)
    try:
        counts = read_junit(junit)
    except ElementTree.ParseError:
        return Counts(failed=1)
    ran_nothing = counts.passed + counts.failed == 0
    ended_badly = exit_code != 0 and counts.failed == 0
    return counts + Counts(failed=1) if ran_nothing or ended_badly else counts


def total(results: list[PartResult]) -> Counts:
    """The sum over all parts."""
    return sum((result.counts for result in results), Counts())


def table(results: list[PartResult]) -> str:
    """One aligned line per part."""
    width = max((len(result.name) for result in results), default=4)
    lines = [f"{'part':<{width}}  seconds  passed  failed  skipped"]
    for result in results:
        counts = result.counts
        line = (
            f"{result.name:<{width}}  {result.seconds:7.1f}  {counts.passed:6}  "
            f"{counts.failed:6}  {counts.skipped:7}  {result.note}"
        )
        lines.append(line.rstrip())
    return "\n".join(lines)


def last_line(counts: Counts) -> str:
    """`N passed, N failed`, and the skipped ones when there are any."""
    line = f"{counts.passed} passed, {counts.failed} failed"
    return f"{line}, {counts.skipped} skipped" if counts.skipped else line
