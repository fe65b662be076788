"""A client of A2A over HTTP, made by hand so that every byte is the test's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx

from .packages import AGENTS, build
from .stack import Par

BASE = "/agents/test-agent"
HANDLERS = build(AGENTS / "a2a_handlers")
PADDING = ": " + "-" * 2048
EVENTS = {"Accept": "text/event-stream"}
CALL_DEADLINE_S = 30


def message(skill: str | None = None, text: str | None = None, **params: Any) -> dict[str, Any]:
    """The params of message/send."""
    metadata: dict[str, Any] = {"params": params}
    if skill:
        metadata["skill"] = skill
    parts = [{"type": "text", "text": text}] if text is not None else []
    return {"message": {"messageId": "m-1", "role": "user", "metadata": metadata, "parts": parts}}


def rpc(method: str, params: Any = None, request_id: Any = "r-1") -> dict[str, Any]:
    """One JSON-RPC request."""
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def post(par: Par, path: str, body: Any, **options: Any) -> httpx.Response:
    """POST of a JSON body, or of bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(par.url + path, content=content, timeout=CALL_DEADLINE_S, **options)


def send(par: Par, params: dict[str, Any], path: str = BASE + "/a2a") -> dict[str, Any]:
    """message/send; the answer, which always has status 200."""
    answer = post(par, path, rpc("message/send", params))
    assert answer.status_code == 200, answer.text
    return answer.json()


def statuses(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The status of each event of a stream; every event must be about the same task."""
    tasks = set()
    for line in lines:
        if not line.startswith("data: "):
            assert line == "" or line.startswith(":"), line
            continue
        event = json.loads(line[len("data: ") :])
        assert (event["jsonrpc"], event["method"]) == ("2.0", "tasks/status")
        tasks.add(event["params"]["taskId"])
        assert len(tasks) == 1
        yield event["params"]["status"]


def stream(par: Par, body: Any, path: str = BASE + "/a2a/stream") -> list[dict[str, Any]]:
    """Every status of a stream that ends by itself; only the last one is final."""
    with httpx.stream("POST", par.url + path, json=body, timeout=CALL_DEADLINE_S) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.read()
        told = list(statuses(answer.iter_lines()))
    assert [status.get("final", False) for status in told] == [False] * (len(told) - 1) + [True]
    return told


def text_of(status: dict[str, Any]) -> str:
    """What the agent says in a status."""
    (part,) = status["message"]["parts"]
    assert (status["message"]["role"], part["type"]) == ("agent", "text")
    return part["text"]
