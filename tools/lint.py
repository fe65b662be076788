"""The repository's own lint. `lint.py all`, or the names of rules: `lint.py layers files`.

Prints `ok <rule>` or, after a line per finding, `FAIL <rule>: N findings`; exits 0 or 1. Standard
library only. The rules are tested by lint_test.py.
"""

import argparse
import dataclasses
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import layers as layer_table

MAX_FILE_LINES = 400
MAX_README_LINES = 20
CODE_FOLDERS = ("src", "workers", "tools", "tests", "bench", "scripts", "console/src", "examples")
SKIPPED_FOLDERS = {"__pycache__", "node_modules", ".venv", "build"}
# Spelled in two halves so that this file does not find itself.
LEFT_OVERS = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    """One thing that breaks a rule."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}" if self.line else f"{self.path}: {self.text}"


# ----------------------------------------------------------------------------- the tree


class Tree:
    """The files of a checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def files(self, folder: str, *suffixes: str) -> Iterator[Path]:
        """Every file below a folder with one of the suffixes, in order."""
        for path in sorted((self.root / folder).rglob("*")):
            is_skipped = SKIPPED_FOLDERS & set(path.relative_to(self.root).parts)
            if path.suffix in suffixes and path.is_file() and not is_skipped:
                yield path

    def cxx(self) -> Iterator[Path]:
        """The C++ files of src/."""
        return self.files("src", ".cpp", ".hpp")

    def name(self, path: Path) -> str:
        """A path as findings show it."""
        return path.relative_to(self.root).as_posix()


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def is_test(path: Path) -> bool:
    """Whether a C++ file is a test or what only tests use."""
    return path.stem.endswith("_test") or "testing" in path.parts


CXX_NOISE = re.compile(
    r"""//[^\n]*                       # a comment to the end of the line
      | /\*.*?\*/                      # a block comment
      | R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"   # a raw string
      | "(?:\\.|[^"\\\n])*"            # a string
      | '(?:\\.|[^'\\\n])+'            # a character
    """,
    re.VERBOSE | re.DOTALL,
)


def code_only(source: str) -> str:
    """C++ source without comments, strings and characters; line numbers stay the same."""

    def blank(match: re.Match) -> str:
        # 1'000 looks like the beginning of a character; digits on both sides tell.
        return "\n" * match.group().count("\n")

    return CXX_NOISE.sub(blank, re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", "", source))


def numbered(text: str) -> Iterator[tuple[int, str]]:
    return enumerate(text.splitlines(), start=1)


# ---------------------------------------------------------------------------- the rules

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')


def rule_layers(tree: Tree) -> Iterator[Finding]:
    """Each room of src/ includes only what the table in layers.py allows."""
    for path in tree.cxx():
        inside = path.relative_to(tree.root / "src").as_posix()
        for number, line in numbered(read(path)):
            match = INCLUDE.match(line)
            if not match:
                continue
            if match[1]:
                why = layer_table.why_not_include(inside, match[1], is_test=is_test(path))
            else:
                why = layer_table.why_not_system_include(inside, match[2])
            if why:
                yield Finding(tree.name(path), number, why)


@dataclasses.dataclass(frozen=True)
class Ban:
    """A call that is not to be used, what to use instead, and where it may stay."""

    pattern: re.Pattern
    instead: str
    exempt: tuple[str, ...] = ()


YAML_CALLBACK = ("src/apkg/yaml_guard.cpp",)

BANS = (
    Ban(re.compile(r"\bsystem_clock::now\b"), "take a Clock (base/clock.hpp)", ("src/base/",)),
    Ban(re.compile(r"\bsteady_clock::now\b"), "take a Clock (base/clock.hpp)", ("src/base/",)),
    Ban(re.compile(r"\bhigh_resolution_clock\b"), "take a Clock (base/clock.hpp)"),
    Ban(re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep)\b"), "wait with a deadline"),
    Ban(re.compile(r"(?:::|(?<![\w.>:]))sleep\s*\("), "wait with a deadline"),
    Ban(re.compile(r"(?:\.|->)detach\s*\("), "own the thread and join it"),
    Ban(re.compile(r"\bs?rand\s*\("), "take ids and randomness as arguments"),
    Ban(re.compile(r"\bstd::(?:cout|cerr|clog)\b"), "log, or return the text", ("src/cmd/",)),
    # yaml-cpp's parser can only be stopped by a throw from its callback.
    Ban(re.compile(r"^\s*(?:throw\b|.*[;{})]\s*throw\b)"), "return an Error", YAML_CALLBACK),
)


def rule_banned(tree: Tree) -> Iterator[Finding]:
    """Calls that hide time, randomness, threads, output or failures."""
    for path in tree.cxx():
        name = tree.name(path)
        for number, line in numbered(code_only(read(path))):
            for ban in BANS:
                match = ban.pattern.search(line)
                if match and not name.startswith(ban.exempt or ("\0",)):
                    yield Finding(name, number, f"{match[0].strip()}: {ban.instead}")


def rule_files(tree: Tree) -> Iterator[Finding]:
    """No file of more than 400 lines, unless lint_exceptions.txt gives a reason."""
    excepted = dict(length_exceptions(tree))
    long_files = {}
    for folder, suffixes in (
        ("src", (".cpp", ".hpp")), ("workers", (".py",)), ("tools", (".py",)), ("tests", (".py",)),
    ):  # fmt: skip
        for path in tree.files(folder, *suffixes):
            lines = len(read(path).splitlines())
            if lines > MAX_FILE_LINES:
                long_files[tree.name(path)] = lines
    for name, lines in long_files.items():
        if name not in excepted:
            yield Finding(name, 0, f"has {lines} lines; more than {MAX_FILE_LINES}: split it")
    for name, reason in excepted.items():
        if not reason:
            yield Finding("tools/lint_exceptions.txt", 0, f"{name} has no reason")
        if name not in long_files:
            yield Finding("tools/lint_exceptions.txt", 0, f"{name} needs no exception any more")


def length_exceptions(tree: Tree) -> Iterator[tuple[str, str]]:
    """Lines `path: reason` of lint_exceptions.txt."""
    path = tree.root / "tools" / "lint_exceptions.txt"
    if path.exists():
        for line in read(path).splitlines():
            if line.strip() and not line.startswith("#"):
                name, _, reason = line.partition(":")
                yield name.strip(), reason.strip()


def rule_leftovers(tree: Tree) -> Iterator[Finding]:
    """No marks of unfinished work."""
    suffixes = (
        ".cpp",
        ".hpp",
        ".py",
        ".sh",
        ".ts",
        ".tsx",
        ".js",
        ".mjs",
        ".yaml",
        ".txt",
        ".cmake",
    )
    for folder in CODE_FOLDERS:
        for path in tree.files(folder, *suffixes):
            for number, line in numbered(read(path)):
                match = LEFT_OVERS.search(line)
                if match:
                    yield Finding(tree.name(path), number, f"{match[0]}: do it, or file it")


BAD_WORDS = re.compile(r"(?:^|_)(?:manager|util|utils|helper|helpers|common|misc)(?:_|\.|$)")
BAD_TYPE = re.compile(
    r"\b(?:class|struct|enum class)\s+(\w*(?:Manager|Util|Utils|Helper|Helpers|Common|Misc))\b"
)


def rule_names(tree: Tree) -> Iterator[Finding]:
    """Names say what a thing is: no manager, util, helper, common or misc."""
    for folder in ("src", "workers", "tools", "tests"):
        for path in tree.files(folder, ".cpp", ".hpp", ".py"):
            for part in path.relative_to(tree.root).parts:
                if BAD_WORDS.search(part):
                    yield Finding(tree.name(path), 0, f"{part} does not say what it is")
            for number, line in numbered(code_only(read(path))):
                match = BAD_TYPE.search(line)
                if match:
                    yield Finding(tree.name(path), number, f"{match[1]} does not say what it is")


def rule_cmake(tree: Tree) -> Iterator[Finding]:
    """Every .cpp below src/ is listed in the CMakeLists.txt of its folder or one above."""
    for path in tree.files("src", ".cpp"):
        folder = path.parent
        while not (folder / "CMakeLists.txt").exists() and folder != tree.root / "src":
            folder = folder.parent
        listing = folder / "CMakeLists.txt"
        if not listing.exists():
            yield Finding(tree.name(path), 0, "no CMakeLists.txt builds it")
            continue
        inside = re.escape(path.relative_to(folder).as_posix())
        if not re.search(rf"(?<![\w./-]){inside}(?![\w./-])", read(listing)):
            yield Finding(tree.name(path), 0, f"{tree.name(listing)} does not list it")


def rule_readmes(tree: Tree) -> Iterator[Finding]:
    """Every room of src/ has a README.md of at most 20 lines."""
    for room in sorted((tree.root / "src").iterdir()):
        if not room.is_dir() or not any(tree.files(tree.name(room), ".cpp", ".hpp")):
            continue
        readme = room / "README.md"
        if not readme.exists():
            yield Finding(tree.name(room), 0, "has no README.md")
        elif len(read(readme).splitlines()) > MAX_README_LINES:
            yield Finding(tree.name(readme), 0, f"has more than {MAX_README_LINES} lines")


def rule_pragma(tree: Tree) -> Iterator[Finding]:
    """Headers begin with #pragma once."""
    for path in tree.files("src", ".hpp"):
        first = next((line for line in code_only(read(path)).splitlines() if line.strip()), "")
        if first.strip() != "#pragma once":
            yield Finding(tree.name(path), 1, "does not begin with #pragma once")


# Documents: one headline each, and what they name exists.

FENCE = re.compile(r"^\s*(```|~~~)")
NAMED_PATH = re.compile(
    r"`((?:src|tools|tests|workers|proto|examples|bench|docs|cmake|images|scripts|deploy)/[\w./-]+)`"
)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def documents(tree: Tree) -> Iterator[Path]:
    """The pages people read."""
    yield from tree.files("docs", ".md")
    for name in ("README.md", "CONTRIBUTING.md"):
        if (tree.root / name).exists():
            yield tree.root / name


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a page outside fenced code."""
    is_fenced = False
    for number, line in numbered(read(path)):
        if FENCE.match(line):
            is_fenced = not is_fenced
        elif not is_fenced:
            yield number, line


def rule_headlines(tree: Tree) -> Iterator[Finding]:
    """Every page has exactly one headline of the first level."""
    for path in documents(tree):
        count = sum(line.startswith("# ") for _, line in prose(path))
        if count != 1:
            yield Finding(tree.name(path), 0, f"has {count} headlines of the first level, not one")


def rule_paths(tree: Tree) -> Iterator[Finding]:
    """Files that a page names or links to exist."""
    for path in documents(tree):
        for number, line in prose(path):
            for named in NAMED_PATH.findall(line):
                if not (tree.root / named.rstrip("/")).exists():
                    yield Finding(tree.name(path), number, f"{named} does not exist")
            for target in LINK.findall(line):
                is_ours = not re.match(r"[a-z]+:|/", target)
                if is_ours and not (path.parent / target).exists():
                    yield Finding(tree.name(path), number, f"the link to {target} is broken")


NAMED_TEST = re.compile(r"([\w./-]+\.(?:py|cpp|hpp))::(\w+(?:\.\w+)?)")


def rule_named_tests(tree: Tree) -> Iterator[Finding]:
    """Tests that a page names as file::test exist (GoogleTest: file::Suite.Name)."""
    for path in documents(tree):
        for number, line in numbered(read(path)):
            for file, test in NAMED_TEST.findall(line):
                source = tree.root / file
                text = read(source) if source.is_file() else ""
                suite, _, name = test.partition(".")
                pattern = rf"\bTEST(?:_[FP])?\(\s*{suite},\s*{name}\s*\)"
                if source.suffix == ".py":
                    pattern = rf"^\s*(?:async )?def {test}\("
                if not re.search(pattern, text, re.MULTILINE):
                    yield Finding(tree.name(path), number, f"there is no test {file}::{test}")


CRASH_POINT = re.compile(r"\bcrash_point\(\s*\"([^\"]*)\"")
CRASH_POINT_NAME = re.compile(r"^[a-z]+(?:\.[a-z_]+){2}$")


def rule_crash_points(tree: Tree) -> Iterator[Finding]:
    """Every crash point is in a crash_points.hpp, as <room>.<step>.<where>, once."""
    listed: dict[str, Path] = {}
    for path in tree.files("src", ".hpp"):
        if path.name != "crash_points.hpp":
            continue
        for number, line in numbered(read(path)):
            # Pieces of names that the compiler joins are not followed by a comma.
            for name in re.findall(r'^\s*"([^"]*)",', line):
                if not CRASH_POINT_NAME.match(name):
                    yield Finding(tree.name(path), number, f"{name} is not <room>.<step>.<where>")
                if name in listed:
                    yield Finding(tree.name(path), number, f"{name} is listed twice")
                listed[name] = path
    for path in tree.cxx():
        if is_test(path):
            continue
        source = read(path)
        for match in CRASH_POINT.finditer(source):
            if match[1] not in listed:
                line = source.count("\n", 0, match.start()) + 1
                yield Finding(tree.name(path), line, f"{match[1]} is in no crash_points.hpp")


RULES: dict[str, Callable[[Tree], Iterator[Finding]]] = {
    "layers": rule_layers,
    "banned": rule_banned,
    "files": rule_files,
    "leftovers": rule_leftovers,
    "names": rule_names,
    "cmake": rule_cmake,
    "readmes": rule_readmes,
    "pragma": rule_pragma,
    "headlines": rule_headlines,
    "paths": rule_paths,
    "named_tests": rule_named_tests,
    "crash_points": rule_crash_points,
}


def check(tree: Tree, names: list[str]) -> int:
    """Runs rules and prints what they found; 0 when nothing was."""
    is_clean = True
    for name in names:
        findings = sorted(set(RULES[name](tree)))
        for finding in findings:
            print(finding)
        print(f"FAIL {name}: {len(findings)} findings" if findings else f"ok {name}")
        is_clean &= not findings
    return 0 if is_clean else 1


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="lint.py", description=__doc__)
    parser.add_argument("rules", nargs="+", choices=["all", *RULES], metavar="RULE")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    options = parser.parse_args(arguments)
    names = list(RULES) if "all" in options.rules else options.rules
    return check(Tree(options.root), names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
