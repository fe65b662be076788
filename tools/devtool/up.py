"""`./dev up` and `./dev down`: the platform with the example agent, in the foreground."""

import contextlib
import dataclasses
import datetime
import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

from devtool import docker, processes
from devtool.apkg import write_apkg
from devtool.build import build
from devtool.pac import ROLES, Pac
from devtool.paths import ROOT, program, state_dir
from devtool.shell import Failure, say

APP = "hello"
EXAMPLE = ROOT / "examples" / "hello-three-surfaces"
POLL_S = 1.0


def run_up(*, is_check: bool) -> int:
    """Builds release, then verifies it all or stays in the foreground."""
    build("release")
    if is_check:
        from devtool import check

        return check.run_all()
    state = state_dir()
    refuse_second_run(state)
    port = int(os.environ.get("PIXELL_PORT", "4000"))
    refuse_taken_port(port)
    also = os.environ.get("PIXELL_ALSO_LISTEN", "127.0.0.1:3000")
    try:
        with docker.engine(program("par").parent) as (engine, env):
            pac = Pac(state, port, home=ROOT, also_listen=also, engine=engine, env=env)
            say(f"up: starting pac serve on {pac.url}, state in {state}, log in {pac.log}")
            with recorded(pac):
                deploy_example(pac)
                print_addresses(pac)
                follow(pac)
    except KeyboardInterrupt:
        say("\nup: everything it started is stopped")
    return 0


# ------------------------------------------------------------------- one run per state


def record_file(state: Path) -> Path:
    """Who runs `./dev up` on a state directory."""
    return state / "up.json"


def read_record(state: Path) -> processes.Process | None:
    """The `./dev up` that runs on a state directory, or None."""
    try:
        content = json.loads(record_file(state).read_text(encoding="utf-8"))
        process = processes.Process(content["pid"], content["start_time"])
    except (OSError, ValueError, KeyError):
        return None
    return process if process.is_running() else None


@contextlib.contextmanager
def recorded(pac: Pac):
    """Runs the platform, and says in its state directory that we do."""
    ours = processes.find(os.getpid())
    pac.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    record_file(pac.state).write_text(json.dumps(dataclasses.asdict(ours)), encoding="utf-8")
    try:
        pac.start()
        yield
    finally:
        # A second Ctrl-C must not leave the platform half stopped.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        say("\nup: stopping")
        pac.stop()
        record_file(pac.state).unlink(missing_ok=True)


def refuse_second_run(state: Path) -> None:
    """Failure when this state directory is in use."""
    running = read_record(state)
    if running:
        raise Failure(f"./dev up already runs on {state} (pid {running.pid}); ./dev down stops it")
    serve = processes.from_pid_file(state / "run" / "serve.pid")
    if serve and serve in processes.using(state):
        raise Failure(f"pac serve already runs on {state} (pid {serve.pid}); ./dev down stops it")


def refuse_taken_port(port: int) -> None:
    """Failure when somebody else listens on the port."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return
    except OSError as error:
        raise Failure(
            f"cannot listen on 127.0.0.1:{port} ({error.strerror}); "
            f"PIXELL_PORT={port + 1} ./dev up takes another port"
        ) from error


def run_down() -> int:
    """Stops what `./dev up` started on this state directory, also after it was killed."""
    state = state_dir()
    running = read_record(state)
    if running:
        say(f"down: stopping ./dev up (pid {running.pid})")
        running.end(grace_s=60)
    ours = processes.using(state)
    serve = processes.from_pid_file(state / "run" / "serve.pid")
    if serve in ours:
        say(f"down: stopping pac serve (pid {serve.pid})")
        serve.end(grace_s=45)
    for process, command in processes.using(state).items():
        say(f"down: ending pid {process.pid}: {command[:100]}")
        process.end(grace_s=5)
    record_file(state).unlink(missing_ok=True)
    left = processes.using(state)
    if left:
        raise Failure(f"still running: {', '.join(str(process.pid) for process in left)}")
    say("down: nothing runs" if running or ours else "down: nothing was running")
    return 0


# ------------------------------------------------------------------------ the example


def example_package(folder: Path) -> Path:
    """Packs the example agent into `folder`."""
    return write_apkg(EXAMPLE, folder / f"{EXAMPLE.name}.apkg")


def deploy_example(pac: Pac) -> None:
    """Deploys the example and shows each step with its time."""
    package = example_package(pac.inbox)
    say(f"up: deploying {APP} from {package}")
    shown: set[str] = set()

    def show(deployment: dict[str, Any]) -> None:
        for step in deployment.get("progress", {}).get("steps", []):
            if step["status"] in ("completed", "failed") and step["name"] not in shown:
                shown.add(step["name"])
                say(f"    {step['name']:<18} {step['status']:<10} {duration_ms(step):>7} ms")

    deployment = pac.wait_deployment(pac.deploy(APP, package), timeout_s=330, on_change=show)
    if deployment["status"] != "completed":
        raise Failure(f"the deployment failed: {json.dumps(deployment.get('error'), indent=2)}")


def duration_ms(step: dict[str, Any]) -> int:
    """How long a step took."""
    start, end = (
        datetime.datetime.fromisoformat(step[key]) for key in ("started_at", "completed_at")
    )
    return round((end - start).total_seconds() * 1000)


def print_addresses(pac: Pac) -> None:
    """A ready command for each surface."""
    agent = f"{pac.url}/agents/{APP}"
    say(
        f"""
up: {APP} is ready

  REST   curl {agent}/api/hello
  UI     {agent}/ui/
  gRPC   ./dev call {APP} Ping --address {pac.address}
         ./dev call {APP} Invoke greet name=Ada --address {pac.address}
  API    curl {pac.url}/v1/apps/{APP}

Deploy an agent of your own:

  curl -X POST {pac.url}/deployments \\
    -d '{{"agentAppId":"my-agent","packageUrl":"file://{pac.home}/my-agent.apkg"}}'

Ctrl-C stops everything.
"""
    )


# -------------------------------------------------------------------------- following


def follow(pac: Pac) -> None:
    """Prints a line when something changes, until Ctrl-C or the platform's end."""
    last = picture(pac)
    while True:
        time.sleep(POLL_S)
        if not pac.is_running():
            raise Failure(f"pac serve ended. Its log ends with:\n{pac.log_tail()}")
        now = picture(pac)
        for line in changes(last, now):
            say(f"{time.strftime('%H:%M:%S')}  {line}")
        last = now


def picture(pac: Pac) -> dict[str, str]:
    """The state of every role, app and instance in one word each."""
    words = {}
    for role in ROLES:
        process = pac.role(role)
        words[f"pac {role}"] = f"runs (pid {process.pid})" if process else "is away"
    with contextlib.suppress(OSError, Failure, ValueError):
        for app in pac.get("/v1/apps", timeout_s=2).json().get("apps", []):
            for instance in pac.app(app["id"])["instances"]:
                name = f"{app['id']}: instance {instance['id']} of revision {instance['revision']}"
                words[name] = instance["phase"]
    return words


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """One line per difference. While the API is away, what it told last is kept."""
    lines = [f"{name} {word}" for name, word in after.items() if before.get(name) != word]
    is_complete = any(": instance" in name for name in after)
    if is_complete:
        lines += [f"{name} is gone" for name in before if name not in after]
    return lines
