"""The gRPC service `pixell.agent.AgentService`: methods, numberings, prefixes, errors."""

from __future__ import annotations

import concurrent.futures
import json
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from devtool import rpc
from pixell_testing.clients import Agent
from pixell_testing.packages import from_files
from pixell_testing.stack import Par

BASE = "/some/base"
SERVICE = """
import asyncio


async def echo(parameters):
    return parameters


def plain(parameters):
    return "plain " + ",".join(sorted(parameters))


async def fail(parameters):
    raise ValueError("it went wrong: ü")


async def silent(parameters):
    raise KeyError()


async def values(parameters):
    return {"none": None, "list": [1, 2.5], "text": "ü", "true": True}


async def nothing(parameters):
    return None


async def strange(parameters):
    return {1, }


async def slow(parameters):
    await asyncio.sleep(float(parameters.get("seconds", "30")))
    return "done"


class Service:
    custom_handlers = {
        "echo": echo, "plain": plain, "fail": fail, "silent": silent, "values": values,
        "nothing": nothing, "strange": strange, "slow": slow,
    }


def create_service():
    return Service()
"""
MANIFEST = """\
name: talks
version: "1.0"
description: Talks gRPC
metadata: {version: 4.5.6}
a2a: {service: "service:create_service"}
"""


@pytest.fixture(scope="module")
def running(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Par]:
    """An agent with handlers, below a base path of its own."""
    folder = tmp_path_factory.mktemp("grpc")
    package = folder / "agent.apkg"
    package.write_bytes(from_files({"agent.yaml": MANIFEST, "service.py": SERVICE}))
    env = {"ENV_STORE_DIR": str(scratch / "environments")}
    with Par(folder, package, env=env, base_path=BASE) as par:
        yield par.wait_ready()


@pytest.fixture(scope="module")
def agent(running: Par) -> Agent:
    """The agent at its A2A port."""
    return Agent(running.a2a_address)


# ------------------------------------------------------------------------------ methods


def test_health(agent: Agent) -> None:
    health = agent.call("Health")

    assert (health["ok"], health["message"]) == (True, "Agent is healthy")
    assert abs(int(health["timestamp"]) - time.time() * 1000) < 60_000


def test_ping(agent: Agent) -> None:
    pong = agent.call("Ping")

    assert pong["message"] == "pong"
    assert abs(int(pong["timestamp"]) - time.time() * 1000) < 60_000


def test_capabilities(agent: Agent) -> None:
    said = agent.call("DescribeCapabilities")

    assert set(said["methods"]) == {"Health", "DescribeCapabilities", "Invoke", "Ping"}
    assert said["metadata"].items() >= {
        ("name", "talks"),
        ("version", "4.5.6"),
        ("description", "Talks gRPC"),
    }


def test_the_standard_health_service_is_there_too(running: Par) -> None:
    with grpc.insecure_channel(running.a2a_address) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=lambda value: value,
            response_deserializer=lambda value: value,
        )
        assert check(b"", timeout=10) == b"\x08\x01"


@pytest.mark.parametrize("generation", [1, 2])
def test_invoke_in_both_numberings(agent: Agent, generation: int) -> None:
    result = agent.invoke("echo", generation, a="1", text="ü")

    assert result["success"] is True
    assert json.loads(result["result"]) == {"a": "1", "text": "ü"}
    assert result["error"] == ""
    assert result["request_id"] == "r-1"
    assert int(result["duration_ms"]) >= 0


def test_invoke_with_a_message(agent: Agent) -> None:
    result = agent.send_message("echo", number=1, nested={"list": [1, None]})

    assert result["success"] is True
    assert json.loads(result["result"]) == {"number": 1, "nested": {"list": [1, None]}}
    assert result["request_id"] == "r-2"


@pytest.mark.parametrize("generation", ["ActionRequest", "ActionRequestV2"])
def test_a_request_without_id_gets_one(agent: Agent, generation: str) -> None:
    result = agent.call("Invoke", {"action": "echo"}, request_type=generation)

    assert result["request_id"].startswith("req_")
    assert abs(int(result["request_id"][4:]) - time.time() * 1000) < 60_000


# ------------------------------------------------------------------------------ results


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("plain", "plain b"),
        ("values", '{"none":null,"list":[1,2.5],"text":"ü","true":true}'),
        ("nothing", "null"),
        ("strange", "{1}"),
    ],
)
def test_what_a_handler_returns_is_text(agent: Agent, action: str, text: str) -> None:
    result = agent.invoke(action, b="2")

    assert result["success"] is True
    said = result["result"]
    assert said == text or json.loads(said) == json.loads(text)


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ("fail", "it went wrong: ü"),
        ("silent", "KeyError"),
        ("missing", "No handler found for action: missing"),
        ("", "No action/skill specified in request"),
    ],
)
@pytest.mark.parametrize("generation", [1, 2])
def test_a_failure_is_a_result(agent: Agent, action: str, error: str, generation: int) -> None:
    result = agent.invoke(action, generation)

    assert (result["success"], result["error"], result["result"]) == (False, error, "")
    assert result["request_id"] == "r-1"


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ("{nope", "Invalid JSON in A2A params_json: "),
        ("{}", "No action/skill specified in request"),
        ("[]", "No action/skill specified in request"),
        ('{"message": {"metadata": {"skill": 5}}}', "No action/skill specified in request"),
        ('{"message": {"metadata": {"skill": "gone"}}}', "No handler found for action: gone"),
    ],
)
def test_a_wrong_message_is_a_result(agent: Agent, params: str, error: str) -> None:
    message = {"jsonrpc": "2.0", "id": "7", "method": "message/send", "params_json": params}

    result = agent.call("Invoke", {"a2a_message": message}, request_type="ActionRequestV2")

    assert result["success"] is False
    assert result["error"].startswith(error)
    assert result["request_id"] == "7"


def test_bytes_that_are_no_request_are_a_result(running: Par) -> None:
    with grpc.insecure_channel(running.a2a_address) as channel:
        invoke = channel.unary_unary(
            f"/{rpc.SERVICE}/Invoke",
            request_serializer=lambda value: value,
            response_deserializer=rpc.message_types()["ActionResult"].FromString,
        )
        result = invoke(b"\x0a\xff\xff\xff", timeout=10)

    assert result.success is False
    assert result.error.startswith("Failed to parse request format: ")


def test_a_deadline_is_kept(agent: Agent) -> None:
    began = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        agent.call("Invoke", {"action": "slow"}, timeout_s=1)

    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - began < 10


def test_calls_run_at_the_same_time(agent: Agent) -> None:
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(agent.invoke, "slow", seconds="1") for _ in range(20)]
        assert {call.result()["result"] for call in calls} == {"done"}

    assert time.monotonic() - began < 15


# ----------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "prefix",
    ["", "/agents/test-agent/a2a", "/agents/test-agent", f"{BASE}/a2a", BASE, "/any/thing"],
)
@pytest.mark.parametrize("port", ["a2a", "rest"])
def test_a_prefix_never_fails_a_call(running: Par, prefix: str, port: str) -> None:
    address = {"a2a": running.a2a_address, "rest": running.url.removeprefix("http://")}[port]
    agent = Agent(address, prefix)

    assert agent.call("Health")["ok"] is True
    assert agent.invoke("plain")["result"] == "plain "
    assert agent.invoke("plain", 2)["result"] == "plain "


def test_metadata_of_callers_is_ignored(agent: Agent) -> None:
    metadata = (("x-deployment-id", "d-1"), ("authorization", "Bearer x"))

    assert agent.call("Ping", metadata=metadata)["message"] == "pong"


def test_an_unknown_method_is_unimplemented(running: Par) -> None:
    with grpc.insecure_channel(running.a2a_address) as channel:
        call = channel.unary_unary(
            f"/{rpc.SERVICE}/Dance",
            request_serializer=lambda value: value,
            response_deserializer=lambda value: value,
        )
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=10)

    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
