"""By which names an agent is reached: aliases, hosts, gRPC metadata; and the legacy service that
has a share of its requests."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from devtool.pac import Pac, free_port
from pixell_testing.echo import Echo
from pixell_testing.edge import Edge
from pixell_testing.packages import EXAMPLE, build
from pixell_testing.stack import put

METHOD = "/pixell.agent.AgentService/Ping"


class Calls(grpc.GenericRpcHandler):
    """A gRPC server that answers every call with its method."""

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(lambda _request, _: call.method.encode())


@pytest.fixture(scope="module")
def calls() -> Iterator[str]:
    """The address of a gRPC server."""
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((Calls(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture(scope="module")
def edge(scratch: Path, calls: str) -> Iterator[Edge]:
    """With the domain agents.test, two agents, and two that are or were somewhere else."""
    with Echo("agent") as agent, Echo("old") as old:
        legacy = {"address": old.address, "path_prefix": "/d/7"}
        routing = {
            "hello": {"aliases": ["dep-1"], "hosts": ["hi.example.org"]},
            "calls": {"aliases": ["dep-2"]},
            "moving": {"legacy": {**legacy, "weight_permille": 300}},
            "away": {"legacy": {**legacy, "weight_permille": 1000}},
        }
        agents = {
            "hello": agent.address,
            "calls": calls,
            "moving": agent.address,
            "away": "",
        }
        folder = scratch / "names"
        with Edge(folder, agents, "--domain", "agents.test", routing=routing) as running:
            yield running


def get(edge: Edge, path: str, **headers: str) -> httpx.Response:
    return httpx.get(edge.url + path, headers=headers, timeout=10)


def at_host(edge: Edge, host: str, path: str) -> dict[str, Any]:
    """What curl is answered when that name leads to the edge."""
    url = f"http://{host}:{edge.port}{path}"
    resolve = f"{host}:{edge.port}:127.0.0.1"
    command = ["curl", "-sS", "--max-time", "10", "--path-as-is", "--resolve", resolve, url]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def test_an_alias_in_the_path_stands_for_the_app(edge: Edge) -> None:
    told = get(edge, "/agents/dep-1/api/x?y=1").json()

    assert (told["server"], told["path"]) == ("agent", "/agents/hello/api/x?y=1")
    assert get(edge, "/agents/dep-9/").status_code == 404


@pytest.mark.parametrize("host", ["hello.agents.test", "dep-1.agents.test", "HI.example.org"])
def test_every_path_of_an_agents_host_is_its_own(edge: Edge, host: str) -> None:
    for path, upstream in {
        "/": "/agents/hello/",
        "/assets/app.js?v=1": "/agents/hello/assets/app.js?v=1",
        "/agents/hello/assets/app.js": "/agents/hello/assets/app.js",
        "/v1/apps": "/agents/hello/v1/apps",
        "/internal/routes": "/agents/hello/internal/routes",
        "/v1/edge/metrics": "/agents/hello/v1/edge/metrics",
        "/agents/calls/x": "/agents/hello/agents/calls/x",
    }.items():
        told = at_host(edge, host, path)
        assert (told["server"], told["path"]) == ("agent", upstream), (host, path)
        assert told["host"].lower() == f"{host}:{edge.port}".lower()


def test_a_host_below_the_domain_is_never_the_apis(edge: Edge) -> None:
    assert get(edge, "/v1/apps", Host="nobody.agents.test").status_code == 404
    assert get(edge, "/v1/apps", Host="none--hello.agents.test").status_code == 404
    # The API itself is away here, which is how one knows that it was asked for.
    assert get(edge, "/v1/apps", Host="agents.test").status_code == 503


@pytest.mark.parametrize(
    "metadata",
    [
        [("x-agent-id", "calls")],
        [("x-agent-id", "dep-2")],
        [("x-deployment-id", "dep-2")],
        [("x-deployment-id", "nobody"), ("x-agent-id", "calls")],
    ],
)
def test_a_grpc_call_names_its_agent_in_metadata(edge: Edge, metadata: list) -> None:
    with grpc.insecure_channel(edge.address) as channel:
        reply = channel.unary_unary(METHOD)(b"", metadata=metadata, timeout=10)

    assert reply == METHOD.encode()


def test_a_grpc_call_is_led_by_its_authority(edge: Edge) -> None:
    options = [("grpc.default_authority", "calls.agents.test")]
    with grpc.insecure_channel(edge.address, options=options) as channel:
        assert channel.unary_unary(METHOD)(b"", timeout=10) == METHOD.encode()


def test_a_grpc_call_for_nobody_is_not_found(edge: Edge) -> None:
    with grpc.insecure_channel(edge.address) as channel, pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary(METHOD)(b"", metadata=[("x-deployment-id", "nobody")], timeout=10)

    assert failed.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_legacy_service_has_its_share(edge: Edge) -> None:
    replies = [get(edge, "/agents/moving/api/x?y=1") for _ in range(400)]

    seen = Counter(
        (reply.json()["server"], reply.json()["path"], reply.headers["x-pixell-revision"])
        for reply in replies
    )
    old = ("old", "/d/7/api/x?y=1", "legacy")
    assert set(seen) == {old, ("agent", "/agents/moving/api/x?y=1", "1")}
    assert 60 < seen[old] < 180  # 120 are expected; 7 standard deviations


def test_a_legacy_service_has_all_of_an_app_without_revisions(edge: Edge) -> None:
    told = get(edge, "/agents/away/api/x")

    assert told.json()["path"] == "/d/7/api/x"
    assert told.headers["x-pixell-revision"] == "legacy"


def test_it_is_explained(edge: Edge) -> None:
    def explained(url: str) -> dict[str, Any]:
        reply = httpx.get(edge.url + "/v1/edge/explain", params={"url": url}, timeout=10)
        assert reply.status_code == 200, reply.text
        return reply.json()

    by_host = explained("http://hello.agents.test/api/x")
    assert (by_host["matched_by"], by_host["upstream_target"]) == ("host", "/agents/hello/api/x")
    assert explained("/agents/dep-1/x")["named_by"] == "alias"
    away = explained("/agents/away/x")
    assert (away["chosen_revision"], away["upstream_target"]) == ("legacy", "/d/7/x")
    assert "legacy service" in away["reason"]


ASSET = "<link rel=stylesheet href=assets/style.css><link rel=icon href=/assets/icon.svg></head>"


def test_a_page_works_at_the_root_of_its_host(scratch: Path) -> None:
    """A real agent: its page, what the page links to from there and from the root, and its API."""
    page = (EXAMPLE / "ui" / "index.html").read_text().replace("</head>", ASSET)
    files = {
        "ui/index.html": page,
        "ui/assets/style.css": "body {}",
        "ui/assets/icon.svg": "<svg/>",
    }
    host = {"Host": "hello.agents.test"}
    state, port = scratch / "at-host" / "state", free_port()
    with Pac(state, port, arguments=["--domain", "agents.test"]) as platform:
        platform.deploy_and_wait("hello", put(platform, "hello.apkg", build(EXAMPLE, files)))
        with httpx.Client(base_url=platform.url, headers=host, timeout=30) as browser:
            shown = browser.get("/", headers={"Accept": "text/html"})
            assert (shown.status_code, shown.text) == (200, page)
            assert browser.get("/assets/style.css").text == "body {}"
            assert browser.get("/assets/icon.svg").text == "<svg/>"
            api = browser.get("/ui-config.json").json()["apiBase"]
            for base in (api, "/api"):
                greeting = browser.get(f"{base}/hello", params={"name": "you"})
                assert greeting.status_code == 200, greeting.text
                assert "you" in greeting.text
            # What is the API's elsewhere is not here.
            assert "apps" not in browser.get("/v1/apps").json()
        assert "apps" in platform.get("/v1/apps").json()
