"""Every route of the API document is called with generated requests; the answers must be as it says.

Requests are generated from the document itself, from a fixed seed; half of them go to what is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.config import GenerationConfig, PhasesConfig, SchemathesisConfig
from schemathesis.specs.openapi import checks as openapi_checks

from devtool.pac import Pac, free_port, wait_until
from devtool.paths import ROOT
from pixell_testing.packages import EXAMPLE, build
from pixell_testing.stack import put, upload

DOCUMENT = ROOT / "src" / "api" / "openapi.yaml"
EXAMPLES_PER_ROUTE = 12
REQUEST_DEADLINE_S = 20
MAX_POLL_MS = 20
APP = "known"
DOOMED = "doomed"
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
        content = build(EXAMPLE)
        put(pac, "known.apkg", content)
        for app in (APP, DOOMED):
            for version in ("1.0.0", "1.0.1"):
                reply = upload(pac, app, content, version, force_overwrite="true")
                assert reply.status == 202, reply.text
                pac.wait_deployment(reply.json()["deployment"]["id"])
        shown = pac.app(APP)
        packages = pac.get(f"/v1/apps/{APP}/packages").json()["packages"]
        deployments = pac.get(f"/v1/deployments?app={APP}").json()["deployments"]
        self._known = {
            "app": APP,
            "deployment": deployments[0]["id"],
            "instance": shown["instances"][-1]["id"],
            "package": packages[0]["id"],
            "revision": 1,
        }
        self._calls = 0

    def aim(self, case: schemathesis.Case) -> None:
        """Points every other request at what is there; keeps streams and waits short."""
        self._calls += 1
        path = dict(case.path_parameters or {})
        if self._calls % 2 == 0:
            path.update({name: self._known[name] for name in path if name in self._known})
            if case.method.upper() == "DELETE":
                path.update({"app": DOOMED} if "app" in path else {})
            case.path_parameters = path
        query = dict(case.query or {})
        if "follow" in query:
            query["follow"] = "false" if query["follow"] in (True, "true", "1") else query["follow"]
        if case.operation.path == "/v1/watch":
            timeout = query.get("timeout_ms", 0)
            is_long = str(timeout).isdigit() and int(timeout) <= 30_000
            query["timeout_ms"] = min(int(timeout), MAX_POLL_MS) if is_long else timeout
        case.query = query


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

    case.call_and_validate(
        base_url=platform.pac.url, checks=CHECKS, timeout=REQUEST_DEADLINE_S, allow_redirects=False
    )


def test_the_document_is_served_as_it_is(platform: Platform) -> None:
    served = platform.pac.get("/openapi.json").json()

    assert served == json.loads(json.dumps(document()))
    assert served["openapi"].startswith("3.1")


def test_the_platform_is_well_after_all_that(platform: Platform) -> None:
    health = platform.pac.get("/healthz")

    assert health.status == 200
    wait_until("the edge knows the app", lambda: platform.pac.get(f"/v1/apps/{APP}").status, 10)
