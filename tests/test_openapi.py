"""Every route of the API document is called with generated requests: the answers are as it says.

Requests are generated from the document itself, from a fixed seed. Half go to what is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.config import GenerationConfig, PhasesConfig, SchemathesisConfig
from schemathesis.specs.openapi import checks as openapi_checks

from devtool.pac import Pac, free_port
from devtool.paths import ROOT
from pixell_testing.packages import EXAMPLE, build
from pixell_testing.stack import put

DOCUMENT = ROOT / "src" / "api" / "openapi.yaml"
EXAMPLES_PER_ROUTE = 40
REQUEST_DEADLINE_S = 20
MAX_POLL_MS = 20
MAX_WAIT_MS = 30_000
APP = "known"
SLOW = "slow"  # its rollouts stay open
SPARE = "spare"  # its revisions and packages may be deleted
DOOMED = "doomed"
CANARY = {"type": "canary", "steps": [{"weight_permille": 1, "seconds": 3600}]}
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
]


def document() -> dict:
    """The API document, as it is in the tree."""
    return yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))


def make_schema() -> schemathesis.BaseSchema:
    """The document as requests are generated from it: well-formed ones and others, from a seed."""
    config = SchemathesisConfig(seed=20)
    config.projects.default.generation = GenerationConfig(
        modes=list(schemathesis.GenerationMode), deterministic=True, allow_x00=False
    )
    config.projects.default.phases = PhasesConfig()
    return schemathesis.openapi.from_dict(document(), config=config)


SCHEMA = make_schema()


class Platform:
    """A platform with something behind every kind of id of the document."""

    def __init__(self, pac: Pac) -> None:
        self.pac = pac
        self._package = build(EXAMPLE)
        self._url = put(pac, "known.apkg", self._package).resolve().as_uri()
        for app in (APP, DOOMED, SPARE):
            # The revision of the first one is free to go when the second one serves.
            for _ in range(2):
                pac.deploy_and_wait(app, self._url)
        self._calls = 0
        self.succeeded: set[str] = set()

    def _known(self, name: str, method: str, path: str) -> str | int:
        """What is behind an id of a path right now; deletions get what nobody else needs."""
        is_deleting = method == "DELETE"
        app = {"/v1/apps/{app}": DOOMED}.get(path, SPARE) if is_deleting else APP
        if name == "app":
            return app
        if name == "revision":
            return 1
        if name == "command":
            return "pause"
        if name == "package":
            return self._push(app) if is_deleting else self._newest(f"/v1/apps/{app}/packages")
        if name == "instance":
            return self._newest(f"/v1/instances?app={app}", -1)
        if path.endswith("{command}"):
            body = {"package_url": self._url, "strategy": CANARY}
            return self.pac.post(f"/v1/apps/{SLOW}/deployments", body).json()["deployment"]["id"]
        return self._newest(f"/v1/deployments?app={app}")

    def _newest(self, path: str, at: int = 0) -> str:
        """The id of an item of a list."""
        ((_, items), *_) = self.pac.get(path).json().items()
        return items[at]["id"]

    def _push(self, app: str) -> str:
        """The id of a package that nothing is made of."""
        self._calls += 1
        package = build(EXAMPLE, {"extra.txt": str(self._calls)})
        files = {"file": ("agent.apkg", package)}
        reply = httpx.post(
            f"{self.pac.url}/v1/apps/{app}/packages",
            files=files,
            data={"force_overwrite": "true"},
            timeout=REQUEST_DEADLINE_S,
        )
        return reply.json()["package"]["id"]

    def aim(self, case: schemathesis.Case) -> None:
        """Points every other request at what is there; keeps streams and waits short."""
        self._calls += 1
        query = dict(case.query or {})
        if self._calls % 2 == 0:
            self._aim_at_what_is_there(case, query)
        if str(query.get("follow", "")).lower() in ("true", "1"):
            query["follow"] = "false"
        if case.operation.path == "/v1/watch":
            timeout = str(query.get("timeout_ms", 0))
            is_long = timeout.isdecimal() and int(timeout) <= MAX_WAIT_MS
            query["timeout_ms"] = min(int(timeout), MAX_POLL_MS) if is_long else timeout
        case.query = query

    def _aim_at_what_is_there(self, case: schemathesis.Case, query: dict) -> None:
        method, path = case.method.upper(), case.operation.path
        names = dict(case.path_parameters or {})
        case.path_parameters = {name: self._known(name, method, path) for name in names}
        if "app" in query:
            query["app"] = APP
        if path == "/v1/edge/explain":
            query.update(url=f"/agents/{APP}/", header=["Accept: text/html"])
        body = case.body
        if path == "/deployments" and isinstance(body, dict):
            body.update(agentAppId=APP, packageUrl=self._url)
            body.pop("packageSha256", None)
        elif path == "/v1/apps/{app}/deployments" and isinstance(body, dict):
            for name in ("package_url", "revision", "package_sha256"):
                body.pop(name, None)
            body["package"] = self._newest(f"/v1/apps/{APP}/packages")
        elif path == "/v1/apps/{app}/traffic" and method == "PUT":
            case.body = {"legs": [{"revision": 1, "weight_permille": 1000}]}
        elif path == "/v1/apps/{app}/routing" and method == "PUT":
            case.body = {"limits": {"max_concurrent": self._calls}}
        elif method == "POST" and "/packages" in path:
            case.body = {"file": self._package, "force_overwrite": "true"}


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[Platform]:
    """One that starts no agents: the API is what is tested."""
    pac = Pac(scratch / "openapi" / "state", free_port(), engine="fake")
    pac.start()
    try:
        yield Platform(pac)
        assert pac.stop() == 0, pac.log_tail()
    finally:
        pac.stop()
        pac.kill_all()


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES_PER_ROUTE,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_the_document_says(case: schemathesis.Case, platform: Platform) -> None:
    platform.aim(case)

    response = case.call_and_validate(
        base_url=platform.pac.url, checks=CHECKS, timeout=REQUEST_DEADLINE_S, allow_redirects=False
    )
    if response.status_code < 300:
        platform.succeeded.add(case.operation.label)


def test_the_document_is_served_as_it_is(platform: Platform) -> None:
    served = platform.pac.get("/openapi.json").json()

    assert served == json.loads(json.dumps(document()))
    assert served["openapi"].startswith("3.1")


def test_every_route_had_something_to_answer(platform: Platform) -> None:
    routes = {operation.ok().label for operation in SCHEMA.get_all_operations()}

    assert routes - platform.succeeded == set()
    assert platform.pac.get("/healthz").status == 200
