"""Checks `par run` by itself, without any control plane."""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

from devtool.pac import Pac, free_port, request, wait_until
from devtool.paths import program
from devtool.shell import Failure

READY_DEADLINE_S = 120
STOP_DEADLINE_S = 40


def ready_and_stops(package: Path) -> None:
    """`par run PACKAGE` with AGENT_APP_ID and PACKAGE_URL becomes ready and stops with 0."""
    ports = {name: str(free_port()) for name in ("REST_PORT", "A2A_PORT", "UI_PORT")}
    url = f"http://127.0.0.1:{ports['REST_PORT']}"
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            [program("par"), "run", package],
            env={
                **Pac.environment(),
                "AGENT_APP_ID": "test-agent",
                "PACKAGE_URL": "s3://pixell-agent-packages/test.apkg",
                **ports,
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until("par is ready", lambda: is_ready(url, child), READY_DEADLINE_S)
            child.send_signal(signal.SIGTERM)
            code = child.wait(timeout=STOP_DEADLINE_S)
        except (Failure, subprocess.TimeoutExpired) as error:
            log.seek(0)
            tail = log.read().decode(errors="replace").splitlines()[-8:]
            raise Failure("\n".join([str(error), *tail])) from None
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    if code != 0:
        raise Failure(f"par ended with {code}")


def is_ready(url: str, child: subprocess.Popen) -> bool:
    """Whether GET /health answers 200. Failure when par has ended."""
    if child.poll() is not None:
        raise Failure(f"par ended with {child.returncode}")
    try:
        return request(url, "GET", "/health", timeout_s=2).status == 200
    except OSError:
        return False
