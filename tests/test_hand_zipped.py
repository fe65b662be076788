"""Packages zipped by hand: nothing declared, modules at the root, or a gRPC servicer of its own."""

from __future__ import annotations

import json

import pytest

from devtool.pac import Pac
from pixell_testing.clients import Agent, agent_of
from pixell_testing.packages import build, source
from pixell_testing.stack import put

APP = "hand-zipped"
SERVICER = "full-servicer"


@pytest.fixture(scope="module")
def rest(pac: Pac) -> str:
    """The path of the deployed package with modules at the root."""
    pac.deploy_and_wait(APP, put(pac, "root_modules.apkg", build(source("root_modules"))))
    return f"/agents/{APP}"


@pytest.fixture(scope="module")
def agent(pac: Pac, rest: str) -> Agent:
    """Its gRPC surface."""
    return agent_of(pac, APP)


@pytest.fixture(scope="module")
def servicer(pac: Pac) -> Agent:
    """The gRPC surface of the package that serves it itself."""
    pac.deploy_and_wait(SERVICER, put(pac, "full_servicer.apkg", build(source("full_servicer"))))
    return agent_of(pac, SERVICER)


def test_the_rest_routes_answer(pac: Pac, rest: str) -> None:
    status = pac.get(f"{rest}/api/status")
    processed = pac.post(f"{rest}/api/process", {"data": "x"})
    health = pac.get(f"{rest}/api/health")

    assert status.json() == {
        "status": "running",
        "version": "0.1.0",
        "surfaces": ["rest", "a2a", "ui"],
    }
    assert processed.json() == {"original": "x", "processed": "X", "length": 1}
    assert health.json() == {"ok": True, "service": "example-agent", "custom": True}


@pytest.mark.parametrize(
    ("operation", "result"), [("add", 8), ("subtract", 4), ("multiply", 12), ("divide", 3)]
)
def test_it_calculates(pac: Pac, rest: str, operation: str, result: float) -> None:
    reply = pac.post(f"{rest}/api/calculate", {"a": 6, "b": 2, "operation": operation})

    assert reply.json() == {"a": 6, "b": 2, "operation": operation, "result": result}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"a": 1, "b": 0, "operation": "divide"}, 400),
        ({"a": 1, "b": 2, "operation": "guess"}, 400),
        ({"a": 1}, 422),
    ],
)
def test_the_agents_own_errors_arrive(pac: Pac, rest: str, body: dict, status: int) -> None:
    reply = pac.post(f"{rest}/api/calculate", body)

    assert reply.status == status
    assert "detail" in reply.json()


def test_the_short_id_leads_to_the_same_agent(pac: Pac, rest: str) -> None:
    short_id = pac.app(APP)["app"]["short_id"]

    assert len(short_id) == 8
    assert pac.get(f"/agents/{short_id}/api/status").body == pac.get(f"{rest}/api/status").body
    assert agent_of(pac, short_id).call("Ping")["message"] == "pong"


def test_the_ui_is_served(pac: Pac, rest: str) -> None:
    index = pac.get(f"{rest}/ui/")
    script = pac.get(f"{rest}/app.js")

    assert index.status == 200
    assert index.headers["content-type"].startswith("text/html")
    assert "<h1>Example agent</h1>" in index.text
    assert script.status == 200
    assert "is here" in script.text
    page = {"Accept": "text/html,*/*;q=0.8"}
    assert pac.get(f"{rest}/some/client/route", headers=page).body == index.body
    assert pac.get(f"{rest}/ui-config.json").json() == {"apiBase": f"{rest}/api"}


def test_a_miss_below_api_is_not_the_ui(pac: Pac, rest: str) -> None:
    reply = pac.get(f"{rest}/api/none")

    assert (reply.status, reply.json()) == (404, {"detail": "Not Found"})


def test_capabilities_and_health(agent: Agent) -> None:
    assert agent.call("Health")["ok"] is True
    methods = agent.call("DescribeCapabilities")["methods"]
    assert sorted(methods) == ["DescribeCapabilities", "Health", "Invoke", "Ping"]


@pytest.mark.parametrize("generation", [1, 2])
def test_both_numberings_reach_the_handlers(agent: Agent, generation: int) -> None:
    text = agent.invoke("get_status", generation)
    value = agent.invoke("process_data", generation, data="abc")

    assert (text["success"], text["result"], text["request_id"]) == (True, "running", "r-1")
    assert json.loads(value["result"]) == {"processed": "ABC"}


def test_an_a2a_message_reaches_the_handlers(agent: Agent) -> None:
    answer = agent.send_message("calculate", a=6, b=1.5, operation="multiply")

    assert (answer["success"], answer["request_id"]) == (True, "r-2")
    assert json.loads(answer["result"]) == 9


def test_failures_are_results(agent: Agent) -> None:
    divided = agent.invoke("calculate", a="1", b="0", operation="divide")
    unknown = agent.invoke("guess")
    nothing = agent.invoke("")

    assert (divided["success"], divided["error"]) == (False, "Division by zero")
    assert unknown["error"] == "No handler found for action: guess"
    assert nothing["success"] is False


def test_a_full_servicer_answers_itself(servicer: Agent) -> None:
    assert servicer.call("Health")["message"] == "my own health"
    assert servicer.call("Ping")["message"] == "pong"
    for generation in (1, 2):
        answer = servicer.invoke("go", generation, b="2", a="1")
        assert (answer["result"], answer["request_id"]) == ("go(a=1,b=2)", "r-1")


def test_a_package_without_rest_and_ui_is_ready(pac: Pac, servicer: Agent) -> None:
    health = pac.get(f"/agents/{SERVICER}/health").json()

    assert health["ok"] is True
    assert health["surfaces"]["a2a"] is True
    assert "ui" not in health["surfaces"]
