"""A2A over HTTP: the agent card, JSON-RPC, event streams, disconnects and the drain."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devtool.pac import Pac, wait_until
from pixell_testing.a2a import (
    BASE,
    CALL_DEADLINE_S,
    EVENTS,
    HANDLERS,
    PADDING,
    message,
    post,
    rpc,
    send,
    statuses,
    stream,
    text_of,
)
from pixell_testing.packages import from_files
from pixell_testing.stack import Par, upload

StartPar = Callable[..., Par]


@pytest.fixture
def agent(par: StartPar, tmp_path: Path) -> Iterator[Par]:
    """The agent with handlers below a base path; what it notes is in tmp_path."""
    yield par(HANDLERS, base_path=BASE, env={"NOTES": str(tmp_path)}).wait_ready()


def test_the_card_is_served_in_every_place(agent: Par) -> None:
    paths = ["/.well-known/agent.json", "/a2a/.well-known/agent.json"]
    cards = [agent.get(prefix + path) for path in paths for prefix in ("", BASE)]

    assert [card.status for card in cards] == [200] * 4
    assert all(card.json() == cards[0].json() for card in cards)
    card = cards[0].json()
    assert card["name"] == "A2A handlers"
    assert card["version"] == "2.1.0"
    assert card["capabilities"] == {"streaming": True, "pushNotifications": False}
    assert card["defaultInputModes"] == card["defaultOutputModes"] == ["text"]
    skills = {skill["id"]: skill for skill in card["skills"]}
    assert len(skills) == len(card["skills"]) == 12
    assert skills["chat"]["description"] == "Execute chat action"
    assert skills["half"]["inputModes"] == ["text"]


def test_json_rpc_is_answered_in_every_place(agent: Par) -> None:
    for path in (BASE, BASE + "/", BASE + "/a2a", BASE + "/a2a/", "/", "/a2a"):
        answer = send(agent, message(text="hello", mood="good"), path)
        assert answer == {
            "jsonrpc": "2.0",
            "id": "r-1",
            "result": {"said": {"mood": "good", "message": "hello"}},
        }


def test_each_way_to_name_a_skill(agent: Par) -> None:
    path = BASE + "/a2a"
    shouted = send(agent, message("shout", "hi"))
    by_method = post(agent, path, rpc("shout", {"message": "a"}, 7)).json()
    by_segment = post(agent, path, rpc("agent/shout", {"params": {"message": "b"}}, None)).json()
    by_param = post(agent, path, rpc("run", {"skill": "shout", "message": "c"})).json()
    unknown = send(agent, message("no-such-skill", k=1))
    tasks_send = post(agent, path, rpc("tasks/send", message("shout", "d"))).json()
    subscribed = post(agent, path, rpc("tasks/sendSubscribe", message("shout", "e"))).json()

    assert shouted["result"] == "HI"
    assert (by_method["result"], by_method["id"]) == ("A", 7)
    assert (by_segment["result"], by_segment["id"]) == ("B", None)
    assert by_param["result"] == "C"
    assert unknown["result"] == {"said": {"k": 1}}
    assert (tasks_send["result"], subscribed["result"]) == ("D", "E")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{not json", -32700),
        (b"", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b'"text"', -32600),
        (b'{"jsonrpc":"2.0","id":"r-1"}', -32600),
        (b'{"jsonrpc":"1.0","id":"r-1","method":"chat"}', -32600),
        (json.dumps(rpc("message/send", [])).encode(), -32602),
        (json.dumps(rpc("message/send", {"message": 1})).encode(), -32602),
        (json.dumps(rpc("message/send", message("fail"))).encode(), -32000),
    ],
)
def test_errors_have_their_codes_and_status_200(agent: Par, body: bytes, code: int) -> None:
    answer = post(agent, BASE + "/a2a", body)

    assert answer.status_code == 200
    assert answer.json()["error"]["code"] == code
    assert "result" not in answer.json()
    assert answer.json()["id"] == ("r-1" if b"r-1" in body else None)


def test_a_handler_error_is_told_as_it_is(agent: Par) -> None:
    assert send(agent, message("fail"))["error"] == {"code": -32000, "message": "cannot do this"}


def test_without_a_fallback_an_unknown_skill_is_an_error(par: StartPar) -> None:
    service = "async def only(p):\n    return 1\n\ndef make():\n    return {'only': only}\n"
    manifest = "name: small\nversion: '1.0'\nhttp_server: main:make\n"
    running = par(from_files({"agent.yaml": manifest, "main.py": service})).wait_ready()

    answer = post(running, "/", rpc("message/send", message("none"))).json()
    stream_answer = post(running, "/stream", rpc("message/stream", message("none"))).json()

    assert answer["error"] == {"code": -32601, "message": "Method not found: none"}
    assert stream_answer["error"] == answer["error"]
    assert send(running, message("only"), "/")["result"] == 1


def test_a_body_over_the_limit_is_refused(agent: Par) -> None:
    answer = post(agent, BASE + "/a2a", b" " * (8 * 1024 * 1024 + 1))

    assert answer.status_code == 413
    assert send(agent, message("shout", "alive"))["result"] == "ALIVE"


def test_cors(agent: Par) -> None:
    origin = {"Origin": "https://app.example"}
    answer = post(agent, BASE + "/a2a", rpc("chat", {}), headers=origin)
    asked = {**origin, "Access-Control-Request-Method": "POST"}
    preflight = httpx.options(agent.url + BASE + "/a2a", headers=asked)

    for each in (answer, preflight):
        assert each.headers["access-control-allow-origin"] == "https://app.example"
    assert "POST" in preflight.headers["access-control-allow-methods"]


def test_a_stream_has_padding_and_events_and_one_end(agent: Par) -> None:
    url = agent.url + BASE + "/a2a/stream"
    body = rpc("message/stream", message(text="tell"))
    with httpx.stream("POST", url, json=body, timeout=CALL_DEADLINE_S) as answer:
        lines = list(answer.iter_lines())
        headers = answer.headers
    told = list(statuses(iter(lines)))

    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-cache"
    assert headers["x-accel-buffering"] == "no"
    assert lines[0] == PADDING
    assert [status["state"] for status in told] == ["working"] * 4 + ["completed"]
    assert [text_of(status) for status in told[:4]] == [
        "hm",
        "once ",
        "upon ",
        '{"name":"clock"}',
    ]
    assert told[0]["message"]["metadata"] == {"thinking": True}
    assert "metadata" not in told[1]["message"]
    assert told[-1] == {"state": "completed", "final": True}


def test_every_place_streams(agent: Par) -> None:
    body = rpc("message/stream", message())
    paths = ("/stream", "/a2a/stream", BASE + "/stream", BASE, BASE + "/a2a", "/")
    lengths = [len(stream(agent, body, path)) for path in paths]

    assert lengths == [5] * 6


def test_respond_streams_for_those_who_accept_it_wherever_it_is_sent(agent: Par) -> None:
    accepts = {"Accept": "text/event-stream"}
    for path, body in ((BASE, rpc("respond", {})), (BASE + "/respond", {})):
        plain, streamed = post(agent, path, body), post(agent, path, body, headers=accepts)
        assert plain.headers["content-type"] == "application/json", path
        assert streamed.headers["content-type"].startswith("text/event-stream"), path


def test_a_notification_is_run_and_not_answered(agent: Par) -> None:
    call = rpc("message/send", message("shout", "hi"))
    del call["id"]
    for body in (call, {**call, "params": message("fail")}):
        answer = post(agent, BASE, body)
        assert (answer.status_code, answer.content) == (204, b"")
    # Callers that do not say which JSON-RPC they speak want their answer.
    del call["jsonrpc"]
    assert post(agent, BASE, call).json()["result"] == "HI"


def test_send_subscribe_streams_for_those_who_accept_it(agent: Par) -> None:
    body = rpc("tasks/sendSubscribe", message())
    answer = post(agent, BASE + "/a2a", body, headers=EVENTS)

    assert len(list(statuses(iter(answer.text.splitlines())))) == 5


def test_plain_handlers_and_generators_stream_too(agent: Par) -> None:
    plain = stream(agent, rpc("message/stream", message("shout", "hi")))
    counted = stream(agent, rpc("message/stream", message("counted")))
    once = stream(agent, rpc("message/stream", message("once")))

    assert [(status["state"], text_of(status)) for status in plain] == [("completed", "HI")]
    assert [text_of(status) for status in counted[:-1]] == ["0", "1", "2"]
    assert json.loads(text_of(once[0])) == {"whole": True}


def test_a_stream_that_fails_says_so_last(agent: Par) -> None:
    told = stream(agent, rpc("message/stream", message("half")))

    assert [text_of(status) for status in told[:-1]] == ["one"]
    assert told[-1] == {
        "state": "failed",
        "error": {"code": -32000, "message": "lost the thread"},
        "final": True,
    }


def test_the_death_of_the_agent_ends_a_stream(agent: Par) -> None:
    told = stream(agent, rpc("message/stream", message("silent_death")))

    def is_back() -> bool:
        return post(agent, "/a2a", rpc("shout", {"message": "x"})).status_code == 200

    wait_until("the agent is back", is_back, 30)

    assert told[-1]["state"] == "failed"
    assert "ended during the call" in told[-1]["error"]["message"]


def test_the_death_of_the_agent_is_a_502_for_a_call(agent: Par) -> None:
    answer = post(agent, BASE + "/a2a", rpc("message/send", message("die")))

    assert answer.status_code == 502
    assert answer.json()["error"] == "agent_lost"


def test_who_goes_away_cancels_the_handler(agent: Par, tmp_path: Path) -> None:
    url = agent.url + BASE + "/a2a"
    body = rpc("message/stream", message("forever"))
    with httpx.stream("POST", url, json=body, timeout=CALL_DEADLINE_S) as answer:
        next(statuses(answer.iter_lines()))
    wait_until("the generator was closed", (tmp_path / "closed").exists, 10)

    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, json=rpc("message/send", message("wait")), timeout=1)
    wait_until("the handler was cancelled", (tmp_path / "cancelled").exists, 10)


def test_a_slow_reader_holds_the_handler_back(agent: Par, tmp_path: Path) -> None:
    url = agent.url + BASE + "/a2a"
    body = rpc("message/stream", message("flood", count=400, bytes=256 * 1024))
    sent = tmp_path / "sent"
    with httpx.stream("POST", url, json=body, timeout=CALL_DEADLINE_S) as answer:
        wait_until("it began", sent.exists, 10)
        time.sleep(1.5)
        held_at = int(sent.read_text() or 0)
        told = list(statuses(answer.iter_lines()))

    assert held_at < 100
    assert len(told) == 401


def test_drain_ends_a_stream_with_a_last_event(par: StartPar) -> None:
    running = par(HANDLERS, env={"GRACEFUL_SHUTDOWN_TIMEOUT_SEC": "2"}).wait_ready()
    told: list[dict[str, Any]] = []
    began = threading.Event()

    def read() -> None:
        body = rpc("message/stream", message("forever"))
        with httpx.stream("POST", running.url + "/a2a", json=body, timeout=30) as answer:
            for status in statuses(answer.iter_lines()):
                told.append(status)
                began.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert began.wait(20)
    running.process.send_signal(signal.SIGTERM)
    reader.join(20)

    assert not reader.is_alive()
    assert told[-1]["final"] is True
    assert told[-1]["error"]["message"] == "the runtime is shutting down"
    assert running.wait_exit() == 0


def test_respond(agent: Par) -> None:
    body = {"planId": "p-1", "approved": True}
    answers = [post(agent, path, body) for path in (BASE + "/respond", "/a2a/respond")]
    by_method = post(agent, BASE, rpc("respond", body)).json()
    events = post(agent, BASE + "/respond", body, headers=EVENTS).text

    assert [answer.json()["result"] for answer in answers] == [{"approved": True}] * 2
    assert by_method["result"] == {"approved": True}
    assert json.loads(text_of(next(statuses(iter(events.splitlines()))))) == {"approved": True}


def test_through_the_edge(pac: Pac) -> None:
    answer = upload(pac, "a2a-http", HANDLERS)
    assert answer.status in (200, 201, 202), answer.body
    url = f"{pac.url}/agents/a2a-http"
    wait_until(
        "the agent answers",
        lambda: httpx.get(f"{url}/a2a/.well-known/agent.json", timeout=30).status_code == 200,
        120,
    )

    called = httpx.post(url, json=rpc("message/send", message("shout", "hi")), timeout=30).json()
    body = rpc("message/stream", message("forever", pause=0.2))
    with httpx.stream("POST", f"{url}/a2a", json=body, timeout=30) as streamed:
        began = time.monotonic()
        first = next(statuses(streamed.iter_lines()))
        took = time.monotonic() - began

    assert called["result"] == "HI"
    assert text_of(first) == "0"
    assert took < 2
