"""Streaming handlers and the manifest's entrypoint over frames."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest

from conftest import Package
from par_double import ParDouble

Start = Callable[..., ParDouble]

SERVICE = """
    import asyncio, pathlib

    async def count(parameters):
        try:
            for number in range(parameters["to"]):
                yield {"n": number}
                await asyncio.sleep(0)
        finally:
            pathlib.Path("closed").touch()

    def plain(parameters):
        yield from ["a", "b"]

    async def broken(parameters):
        yield 1
        raise ValueError("in the middle")

    async def whole(parameters):
        return {"whole": True}

    async def large(parameters):
        yield "x" * (2 * 1024 * 1024)

    def create_service():
        return {
            "custom_handlers": {"whole": whole},
            "streaming_handlers": {
                "count": count, "plain": plain, "broken": broken, "whole": whole,
                "large": large, "nothing": 3,
            },
        }

    def entry(request):
        return {"got": request}

    async def later(request):
        raise KeyError("k")
"""


@pytest.fixture
def loaded(package: Package, worker: Start) -> Callable[..., ParDouble]:
    """A loaded worker; `hello` is what it said."""

    def load(entrypoint: str = "") -> ParDouble:
        par = worker(package({"service.py": SERVICE}))
        surfaces = {"entrypoint": entrypoint} if entrypoint else {}
        par.hello = par.load(a2a="service:create_service", **surfaces)
        return par

    return load


def stream(par: ParDouble, action: str, **parameters: Any) -> None:
    """Starts a call of a streaming handler with id s."""
    call = {"t": "execute", "x": "s", "target": "stream", "action": action}
    par.send({**call, "parameters": parameters})


def events_until_end(par: ParDouble) -> tuple[list[Any], dict[str, Any]]:
    """The events, and the frame that ended the call; gives credit for each event."""
    events = []
    while (frame := par.receive())["t"] == "event":
        assert frame["x"] == "s"
        events.append(frame["event"])
        par.send({"t": "credit", "x": "s", "n": 1})
    return events, frame


def test_hello_tells_streaming_handlers_apart(loaded: Callable[..., ParDouble]) -> None:
    hello = loaded().hello

    kinds = [(handler["name"], handler["kind"]) for handler in hello["handlers"]]
    assert kinds == [
        ("whole", "legacy"),
        ("count", "streaming"),
        ("plain", "streaming"),
        ("broken", "streaming"),
        ("whole", "streaming"),
        ("large", "streaming"),
    ]
    assert hello["entrypoint"] is False
    assert any("'nothing'" in warning for warning in hello["warnings"])


def test_each_event_is_a_frame(loaded: Callable[..., ParDouble]) -> None:
    par = loaded()
    stream(par, "count", to=40)

    events, end = events_until_end(par)

    assert events == [{"n": number} for number in range(40)]
    assert (end["t"], end["result"]) == ("done", None)


def test_plain_generators_and_plain_results(loaded: Callable[..., ParDouble]) -> None:
    par = loaded()
    stream(par, "plain")
    assert events_until_end(par)[0] == ["a", "b"]
    stream(par, "whole")
    events, end = events_until_end(par)
    assert (events, end["result"]) == ([], {"whole": True})


def test_errors_end_a_stream(loaded: Callable[..., ParDouble]) -> None:
    par = loaded()
    stream(par, "broken")
    events, end = events_until_end(par)
    assert (events, end["code"], end["message"]) == ([1], "failed", "in the middle")
    stream(par, "large")
    assert "over the limit" in events_until_end(par)[1]["message"]
    stream(par, "absent")
    assert events_until_end(par)[1]["code"] == "not_found"


def test_without_credit_the_handler_waits(loaded: Callable[..., ParDouble]) -> None:
    par = loaded()
    stream(par, "count", to=1000)
    first = [par.receive()["event"]["n"] for _ in range(16)]

    par.send({"t": "ping", "n": 1})
    assert par.receive() == {"t": "pong", "n": 1}
    par.send({"t": "credit", "x": "s", "n": 2})
    more = [par.receive()["event"]["n"] for _ in range(2)]
    par.send({"t": "cancel", "x": "s"})

    assert first + more == list(range(18))
    assert par.receive()["code"] == "cancelled"
    deadline = time.monotonic() + 5
    while not (par.package / "closed").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_entrypoint_is_called(loaded: Callable[..., ParDouble]) -> None:
    par = loaded("service:entry")
    par.send({"t": "execute", "x": "e", "target": "entrypoint", "parameters": {"action": "a"}})

    assert par.hello["entrypoint"] is True
    assert par.receive() == {"t": "done", "x": "e", "result": {"got": {"action": "a"}}}


@pytest.mark.parametrize(
    ("entrypoint", "said"),
    [
        ("service:later", "'k'"),
        ("service:absent", "has no 'absent'"),
        ("no_such_module:x", "no_such_module"),
    ],
)
def test_a_bad_entrypoint_fails_its_calls_only(
    loaded: Callable[..., ParDouble], entrypoint: str, said: str
) -> None:
    par = loaded(entrypoint)
    par.send({"t": "execute", "x": "e", "target": "entrypoint", "parameters": {}})
    answer = par.receive()
    par.execute("h", "whole", {})

    assert (answer["t"], answer["code"]) == ("error", "failed")
    assert said in answer["message"]
    assert par.receive()["result"] == {"whole": True}


TRACED = """
    from opentelemetry import context, trace

    def _trace(parameters):
        seen = trace.get_current_span().get_span_context()
        return [f"{seen.trace_id:032x}", f"{seen.span_id:016x}", seen.trace_state.to_header()]

    async def later(parameters):
        return _trace(parameters)

    async def events(parameters):
        yield _trace(parameters)

    def create_service():
        return {
            "custom_handlers": {"plain": _trace, "later": later},
            "streaming_handlers": {"events": events},
        }
"""


@pytest.mark.parametrize("action", ["plain", "later", "events"])
def test_a_call_carries_its_trace_to_opentelemetry(
    package: Package, worker: Start, action: str
) -> None:
    par = worker(package({"main.py": TRACED}))
    par.load(a2a="main:create_service")
    trace_id, span_id = "a" * 32, "b" * 16
    call = {"t": "execute", "action": action, "parameters": {}}
    if action == "events":
        call["target"] = "stream"

    def seen() -> list[str]:
        answer = par.receive()
        if answer["t"] == "done":
            return answer["result"]
        assert par.receive()["t"] == "done"
        return answer["event"]

    par.send({**call, "x": "1", "traceparent": f"00-{trace_id}-{span_id}-01", "tracestate": "v=1"})
    assert seen() == [trace_id, span_id, "v=1"]
    par.send({**call, "x": "2"})
    assert seen() == ["0" * 32, "0" * 16, ""]


def test_whatever_a_handler_raises_the_call_is_answered(package: Package, worker: Start) -> None:
    text = """
        class Mute(Exception):
            def __str__(self): raise RuntimeError("no text")

        async def mute(parameters): raise Mute
        async def interrupt(parameters): raise KeyboardInterrupt

        def create_service():
            return {"custom_handlers": {"mute": mute, "interrupt": interrupt}}
    """
    par = worker(package({"main.py": text}))
    par.load(a2a="main:create_service")

    par.execute("1", "mute", {})
    assert par.receive()["message"] == "Mute"
    par.execute("2", "interrupt", {})
    assert "KeyboardInterrupt" in par.receive()["message"]
