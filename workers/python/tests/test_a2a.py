"""Plain A2A handlers over frames, and the life of the worker around them."""

from __future__ import annotations

import signal
from typing import Callable

import pytest

from conftest import Package
from par_double import ParDouble

Start = Callable[..., ParDouble]

SERVICE = """
    import asyncio, datetime, sys, time

    async def echo(parameters):
        return {"got": parameters}

    def plain(parameters):
        return f"plain {parameters.get('n')}"

    async def fail(parameters):
        raise ValueError("bad input")

    async def leave(parameters):
        sys.exit(4)

    async def wait(parameters):
        await asyncio.sleep(float(parameters.get("s", 60)))
        return "waited"

    async def own_timeout(parameters):
        raise asyncio.TimeoutError()

    def block(parameters):
        time.sleep(60)

    async def odd(parameters):
        return {"when": datetime.date(2024, 1, 2)}

    async def huge(parameters):
        return "x" * (17 * 1024 * 1024)

    class Service:
        custom_handlers = {
            "echo": echo, "plain": plain, "fail": fail, "leave": leave, "wait": wait,
            "block": block, "odd": odd, "huge": huge, "nothing": None,
            "own_timeout": own_timeout,
        }

    def create_service():
        return Service()

    def as_dict():
        return {"custom_handlers": Service.custom_handlers}

    async def later():
        return Service()

    def none():
        return None

    def broken():
        raise RuntimeError("no key")
"""


@pytest.fixture
def agent(package: Package, worker: Start) -> ParDouble:
    """A worker with the handlers above."""
    par = worker(package({"service.py": SERVICE}))
    assert par.load(a2a="service")["a2a"] == "handlers"
    return par


@pytest.mark.parametrize("entry", ["service", "service:as_dict", "service:later"])
def test_handlers_are_found_in_every_form(package: Package, worker: Start, entry: str) -> None:
    par = worker(package({"service.py": SERVICE}), as_module=True)

    hello = par.load(a2a=entry)

    assert {"name": "echo", "kind": "legacy"} in hello["handlers"]
    assert [text for text in hello["warnings"] if "'nothing'" in text]
    par.execute("1", "echo", {"a": [1, None, "ü"]})
    assert par.receive() == {"t": "done", "x": "1", "result": {"got": {"a": [1, None, "ü"]}}}


@pytest.mark.parametrize("entry", ["service:none", "service:Service.custom_handlers.keys"])
def test_none_and_other_types_mean_the_default_service(
    package: Package, worker: Start, entry: str
) -> None:
    par = worker(package({"service.py": SERVICE + "\n    def other():\n        return 3\n"}))

    hello = par.load(a2a="service:none" if entry == "service:none" else "service:other")

    assert hello["a2a"] == "default"
    assert len(hello["warnings"]) == 1
    par.execute("1", "echo", {})
    answer = par.receive()
    assert (answer["t"], answer["code"]) == ("error", "not_found")


def test_an_empty_entry_is_the_default_service_without_a_warning(
    package: Package, worker: Start
) -> None:
    hello = worker(package({"x.py": ""})).load(a2a="")

    assert (hello["a2a"], hello["warnings"]) == ("default", [])


@pytest.mark.parametrize(
    ("entry", "cause"),
    [
        ("service:broken", "handler_error"),
        ("service:gone", "handler_missing"),
        ("gone:create", "missing_module"),
    ],
)
def test_a_service_that_fails_is_fatal(
    package: Package, worker: Start, entry: str, cause: str
) -> None:
    par = worker(package({"service.py": SERVICE}))

    assert par.load(a2a=entry)["cause"] == cause
    assert par.wait() == 1


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("plain", {"t": "done", "x": "7", "result": "plain 5"}),
        ("fail", {"t": "error", "x": "7", "code": "failed", "message": "bad input"}),
        (
            "leave",
            {"t": "error", "x": "7", "code": "failed", "message": "the handler called exit(4)"},
        ),
        ("odd", {"t": "done", "x": "7", "result": {"when": "2024-01-02"}}),
        (
            "none such",
            {
                "t": "error",
                "x": "7",
                "code": "not_found",
                "message": "No handler found for action: none such",
            },
        ),
    ],
)
def test_a_call_has_one_typed_answer(agent: ParDouble, action: str, expected: dict) -> None:
    agent.execute("7", action, {"n": 5})

    assert agent.receive() == expected


def test_a_result_over_the_frame_limit_is_an_error(agent: ParDouble) -> None:
    agent.execute("1", "huge", {})

    answer = agent.receive()

    assert (answer["code"], "too large" in answer["message"]) == ("failed", True)


def test_calls_run_at_the_same_time_and_are_cancelled_one_by_one(agent: ParDouble) -> None:
    for x in range(50):
        agent.execute(f"w{x}", "wait", {})
    agent.execute("b", "block", {})
    agent.execute("e", "echo", {})
    assert agent.receive()["x"] == "e"

    agent.send({"t": "cancel", "x": "w7"})
    assert agent.receive() == {
        "t": "error",
        "x": "w7",
        "code": "cancelled",
        "message": "the call was cancelled",
    }
    agent.send({"t": "cancel", "x": "b"})
    assert (agent.receive()["x"]) == "b"


def test_a_deadline_ends_a_call(agent: ParDouble) -> None:
    agent.execute("1", "wait", {}, deadline_ms=50)

    told = agent.receive()
    assert (told["code"], told["message"]) == ("deadline_exceeded", "no answer within 50 ms")


def test_a_timeout_of_the_handlers_own_is_a_failure(agent: ParDouble) -> None:
    agent.execute("1", "own_timeout", {}, deadline_ms=60_000)

    told = agent.receive()
    assert (told["code"], told["message"]) == ("failed", "TimeoutError")


def test_ping_and_unknown_frames(agent: ParDouble) -> None:
    agent.send({"t": "from the future", "x": 1})
    agent.send({"t": "ping", "n": 12})

    assert agent.receive() == {"t": "pong", "n": 12}


def test_a_drain_waits_for_running_calls(agent: ParDouble) -> None:
    agent.execute("1", "wait", {"s": 0.3})
    agent.execute("2", "wait", {"s": 60})

    agent.send({"t": "drain", "grace_ms": 1500})

    assert agent.receive() == {"t": "done", "x": "1", "result": "waited"}
    assert agent.receive()["code"] == "cancelled"
    assert agent.wait() == 0


def test_a_blocked_thread_does_not_keep_the_worker_alive(agent: ParDouble) -> None:
    agent.execute("1", "block", {})

    agent.send({"t": "drain", "grace_ms": 100})

    assert agent.wait() == 0


def test_sigterm_is_a_drain(agent: ParDouble) -> None:
    agent.execute("1", "wait", {"s": 0.3})
    agent.send({"t": "ping", "n": 1})
    agent.receive()

    agent.process.send_signal(signal.SIGTERM)

    assert agent.receive()["result"] == "waited"
    assert agent.wait() == 0


def test_the_worker_ends_with_its_par(agent: ParDouble) -> None:
    agent.execute("1", "wait", {})

    agent.connection.close()

    assert agent.wait() == 0


def test_a_worker_that_is_busy_ends_with_its_par_too(package: Package, worker: Start) -> None:
    par = worker(package({"service.py": "import time\nprint('busy', flush=True)\ntime.sleep(60)"}))
    par.send(
        {
            "t": "load",
            "v": 1,
            "package_root": str(par.package),
            "a2a": {"entry": "service", "grpc_socket": "x"},
        }
    )
    assert par.process.stdout.readline() == "busy\n"

    par.connection.close()

    assert par.wait() == 1


def test_the_agents_modules_hide_nothing_and_are_not_hidden(
    package: Package, worker: Start
) -> None:
    files = {
        "frames.py": "NAME = 'agent frames'",
        "server.py": "import frames\nasync def h(p): return frames.NAME\n"
        "def create_service(): return {'custom_handlers': {'h': h}}",
    }
    for as_module in (False, True):
        par = worker(package(files), as_module)
        par.load(a2a="server")
        par.execute("1", "h", {})
        assert par.receive()["result"] == "agent frames"


def test_another_protocol_version_is_refused(package: Package, worker: Start) -> None:
    par = worker(package({"x.py": ""}))
    par.send({"t": "load", "v": 99, "package_root": str(par.package)})

    assert par.wait() == 2
    assert "protocol version 99" in par.output()[1]
