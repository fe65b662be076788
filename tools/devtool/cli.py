"""The command line of ./dev."""

import argparse
import os
import signal
import sys
from collections.abc import Callable

from devtool import testrun
from devtool.bootstrap import bootstrap
from devtool.build import build, presets
from devtool.chaos import add_options as add_chaos_options
from devtool.chaos import run_chaos
from devtool.fuzz import fuzz
from devtool.paths import ROOT, VENV_PYTHON, build_dir
from devtool.shell import Failure, must_run, say

DESCRIPTION = """\
Pixell's one command.

  ./dev up          build, start the platform on 127.0.0.1:4000, deploy the example agent
  ./dev test        everything continuous integration runs
  ./dev check       the quick loop: format, lint, unit tests
"""


def main(arguments: list[str]) -> int:
    """Runs one command; returns the exit code."""
    # A terminated ./dev ends what it started, as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except Failure as failure:
        print(f"dev: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("dev: interrupted", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """Every command and option."""
    top = argparse.ArgumentParser(
        prog="./dev", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, text: str, run: Callable) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("bootstrap", "install what is missing from Debian and PyPI", run_bootstrap)
    up = add("up", "build and start the platform with the example agent", in_venv("up"))
    up.add_argument(
        "--check", action="store_true", help="verify it all, stop it again, exit 0 or 1"
    )
    add("down", "stop what `up` started", in_venv("down"))
    one = add("build", "build a preset", run_build)
    one.add_argument("preset", nargs="?", default="dev", help=f"{', '.join(presets())}")
    one = add("test", "run everything CI runs, or one part, room, file or test name", run_test)
    one.add_argument("name", nargs="?")
    one.add_argument("--repeat", type=int, default=1, help="unit tests: run each this often")
    add("check", "format, lint and unit tests", run_check)
    add("format", "format every C++ file", run_format)
    one = add("bench", "run the benchmarks of bench/", run_bench)
    one.add_argument(
        "--check", action="store_true", help="fail when a request takes more instructions"
    )
    one.add_argument("name", nargs="?")
    one.add_argument("arguments", nargs=argparse.REMAINDER, help="what the benchmark takes; --help")
    add_chaos_options(
        add("chaos", "deploy and kill by the thousand under every kind of request", in_venv("chaos"))
    )
    one = add("fuzz", "look for new crashing inputs with libFuzzer", run_fuzz)
    one.add_argument("name")
    one.add_argument("--seconds", type=int, default=60)
    one = add("call", "call an agent by gRPC", in_venv("call"))
    one.add_argument("app", help="the agent app id, e.g. hello")
    one.add_argument("method", help="Health, Ping, DescribeCapabilities or Invoke")
    one.add_argument("action", nargs="?", default="", help="Invoke: the action")
    one.add_argument("parameters", nargs="*", metavar="KEY=VALUE", help="Invoke: its parameters")
    one.add_argument("--address", default=f"127.0.0.1:{os.environ.get('PIXELL_PORT', '4000')}")
    add("help", "show this text", lambda _: top.print_help() or 0)
    return top


def in_venv(command: str) -> Callable[[argparse.Namespace], int]:
    """A command whose module needs the packages of .dev/venv: bootstraps and starts over there."""

    def run(options: argparse.Namespace) -> int:
        if command != "down":
            bootstrap()
        if sys.prefix == sys.base_prefix and VENV_PYTHON.exists():
            python = str(VENV_PYTHON)
            os.execv(python, [python, "-B", str(ROOT / "tools" / "dev.py"), *sys.argv[1:]])
        if command == "call":
            from devtool.rpc import call_from_command_line

            return call_from_command_line(options)
        if command == "chaos":
            return run_chaos(options)
        from devtool import up

        return up.run_down() if command == "down" else up.run_up(is_check=options.check)

    return run


def run_bootstrap(_: argparse.Namespace) -> int:
    bootstrap()
    say("bootstrap: everything is there")
    return 0


def run_build(options: argparse.Namespace) -> int:
    bootstrap()
    build(options.preset)
    say(f"build: {options.preset} is up to date in {build_dir(options.preset).relative_to(ROOT)}")
    return 0


def run_test(options: argparse.Namespace) -> int:
    if options.name:
        return testrun.test_some(options.name, options.repeat)
    return testrun.test_all()


def run_check(_: argparse.Namespace) -> int:
    return testrun.check()


def run_format(_: argparse.Namespace) -> int:
    bootstrap()
    testrun.format_tree()
    return 0


def run_bench(options: argparse.Namespace) -> int:
    # measure.py is what they share.
    known = sorted(path.stem for path in (ROOT / "bench").glob("*.py") if path.stem != "measure")
    if options.name and options.name not in known:
        raise Failure(f"there is no benchmark {options.name}; there are {', '.join(known)}")
    bootstrap()
    if given := os.environ.get("PIXELL_BIN") or os.environ.get("PIXELL_BIN_DIR"):
        os.environ["PIXELL_BIN_DIR"] = os.path.abspath(given)
    else:
        build("release")
    if options.check:
        options.name, options.arguments = "instructions", ["--check", *options.arguments]
    for name in [options.name] if options.name else known:
        say(f"bench: {name}")
        program = ROOT / "bench" / f"{name}.py"
        must_run([VENV_PYTHON, "-B", program, *options.arguments], timeout_s=3600)
    return 0


def run_fuzz(options: argparse.Namespace) -> int:
    bootstrap()
    return fuzz(options.name, options.seconds)
