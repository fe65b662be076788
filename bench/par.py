"""./dev bench par: edge and par before real agents, against nginx behind nginx; files of a UI.

    ./dev bench par [CASE…] [--rounds N] [--seconds S]

Edge, par and nginx run on the first processor, load and agents on the last. An agent's own CPU time
counts for nobody.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "tools")]

from devtool.apkg import write_apkg  # noqa: E402
from devtool.pac import free_port  # noqa: E402
from rig import throughput  # noqa: E402
from rig.control import route  # noqa: E402
from rig.edge import Edge  # noqa: E402
from rig.par import Par  # noqa: E402
from rig.peers import Peer, Upstreams, nginx, nginx_files, nginx_in_a_row  # noqa: E402
from rig.pinned import LOAD_CORE, need_two_cores  # noqa: E402
from rig.platform import as_peer  # noqa: E402
from rig.requests import GRPC_EMPTY, HTTP_APP, HTTP_PATH, UI_PATH  # noqa: E402
from rig.throughput import Case, Rival, grpc_load_of, http_load_of  # noqa: E402

ROUNDS = 5
SECONDS = 3
CONNECTIONS = 32
AGENTS = {"fastapi": ROOT / "bench" / "agent", "node": ROOT / "bench" / "node_agent"}
FILES = {"small.js": 2 * 1024, "large.js": 300 * 1024}
HEALTH_PATH = f"/agents/{HTTP_APP}/a2a/pixell.agent.AgentService/Health"


@contextmanager
def before_agent(name: str, scratch: Path) -> Iterator[dict[str, Peer]]:
    """Edge and par, nginx behind nginx, and nginx alone, before one process of an agent."""
    package = write_apkg(AGENTS[name], scratch / "agent.apkg")
    listen = scratch / "par.sock"
    with ExitStack() as stack:
        par = stack.enter_context(Par(scratch / "par", package, listen=listen))
        routes = [route(HTTP_APP, f"unix:{listen}")]
        edge = stack.enter_context(Edge(scratch / "edge", routes))
        agent = par.agent_socket()
        (scratch / "alone").mkdir()
        rivals = (nginx_in_a_row(scratch, agent), nginx(scratch / "alone", Upstreams(agent, agent)))
        for program in (*rivals[0].programs, *rivals[1].programs):
            stack.enter_context(program)
        ours = as_peer(edge, "edge + par", par.program)
        yield {"edge": ours, **{rival.name: rival for rival in rivals}}


@contextmanager
def before_files(_: str, scratch: Path) -> Iterator[dict[str, Peer]]:
    """par and nginx as servers of the same files."""
    folder = scratch / "source"
    (folder / "ui").mkdir(parents=True)
    (folder / "agent.yaml").write_text('name: files\nversion: "1.0"\nui: {path: ui}\n')
    (folder / "ui" / "index.html").write_text("<html></html>")
    for name, size in FILES.items():
        (folder / "ui" / name).write_bytes(os.urandom(size // 2).hex().encode())
    package = write_apkg(folder, scratch / "files.apkg")
    port = free_port()
    with ExitStack() as stack:
        par = stack.enter_context(Par(scratch / "par", package, listen=port))
        rival = nginx_files(scratch, UI_PATH, folder / "ui")
        for program in rival.programs:
            stack.enter_context(program)
        ours = Peer("par", (par.program,), {"http": port})
        yield {"edge": ours, rival.name: rival}


@contextmanager
def before_par(_: str, scratch: Path) -> Iterator[dict[str, Peer]]:
    """The edge and nginx before one par, which answers by itself."""
    package = write_apkg(ROOT / "examples" / "hello-three-surfaces", scratch / "agent.apkg")
    listen = scratch / "par.sock"
    with ExitStack() as stack:
        par = stack.enter_context(Par(scratch / "par", package, listen=listen))
        edge = stack.enter_context(Edge(scratch / "edge", [route(HTTP_APP, f"unix:{listen}")]))
        front = nginx(scratch, Upstreams(listen, listen))
        for program in front.programs:
            stack.enter_context(program)
        rival = Peer("nginx + par", (*front.programs, par.program), front.ports)
        yield {"edge": as_peer(edge, "edge + par", par.program), rival.name: rival}


def agent_case(what: str) -> Case:
    """A small reply of a real agent."""
    load = http_load_of(f"{HTTP_PATH}bench", 200, CONNECTIONS)
    return Case(what, load, (Rival("nginx + nginx", floor=1.0, aim=1.15), Rival("nginx")))


def file_case(what: str, name: str, aim: float) -> Case:
    """A file of a UI."""
    load = http_load_of(UI_PATH + name, FILES[name], CONNECTIONS)
    return Case(what, load, (Rival("nginx", floor=1.0, aim=aim),))


Before = Callable[[str, Path], Iterator[dict[str, Peer]]]
CASES: dict[str, tuple[Case, Before]] = {
    "fastapi": (agent_case("FastAPI agent, 200-byte reply, 32 connections"), before_agent),
    "node": (agent_case("Node.js agent, 200-byte reply, 32 connections"), before_agent),
    "grpc": (
        Case(
            "gRPC Health, answered by par, 8 connections × 16 streams",
            grpc_load_of(8, 16, HEALTH_PATH, body=GRPC_EMPTY, reply_bytes=len(GRPC_EMPTY) + 1),
            (Rival("nginx + par", "grpc"),),
        ),
        before_par,
    ),
    "ui2k": (file_case("UI file of 2 KiB, 32 connections", "small.js", 1.3), before_files),
    "ui300k": (file_case("UI file of 300 KiB, 32 connections", "large.js", 1.0), before_files),
}


def main() -> int:
    """Measures the cases that are named, or all, and prints the table of bench/README.md."""
    parser = argparse.ArgumentParser(
        prog="./dev bench par",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of one proxy in one round")
    options = parser.parse_args()
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    need_two_cores()
    os.sched_setaffinity(0, {LOAD_CORE})  # what this process does is not to disturb the proxies
    load = os.getloadavg()[0]
    print(throughput.HEADING)
    with tempfile.TemporaryDirectory(prefix="px-bench-") as folder:
        Path(folder).chmod(0o755)  # agents run as users of their own
        for name in options.cases or CASES:
            case, before = CASES[name]
            scratch = Path(folder) / name
            scratch.mkdir()
            with before(name, scratch) as found:
                figures = throughput.measure(case, found, options.rounds, options.seconds, scratch)
                ours = found[throughput.EDGE].name
                print(*throughput.rows(case, figures, ours), sep="\n", flush=True)
    print(f"\nload {load:.1f} before, {os.getloadavg()[0]:.1f} after")
    return 0


if __name__ == "__main__":
    sys.exit(main())
