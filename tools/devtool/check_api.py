"""Checks of the API's answers to requests that are wrong."""

from devtool.check_surfaces import expect_status, is_json
from devtool.pac import Pac
from devtool.shell import Failure


def unknown_agent(pac: Pac, _: str) -> None:
    reply = expect_status(pac.get("/agents/there-is-no-such-agent/api/x"), 404)
    if not is_json(reply):
        raise Failure(f"is not JSON: {reply.headers.get('content-type')}")
    reply.json()


def unknown_api_path(pac: Pac, _: str) -> None:
    reply = expect_status(pac.get("/v1/there-is-no-such-resource"), 404)
    if not is_json(reply):
        raise Failure(f"is not JSON: {reply.headers.get('content-type')}")
    reply.json()


def expect_explained(pac: Pac, body: str) -> None:
    """POST /deployments with this body is 400 with an error and details."""
    answer = expect_status(pac.post("/deployments", body), 400).json()
    for key in ("error", "details"):
        if not answer.get(key):
            raise Failure(f"has no {key}: {answer}")


def malformed_json(pac: Pac, _: str) -> None:
    expect_explained(pac, '{"agentAppId": ')


def missing_field(pac: Pac, _: str) -> None:
    expect_explained(pac, '{"agentAppId": "x"}')


def bad_app_id(pac: Pac, _: str) -> None:
    expect_explained(pac, '{"agentAppId": "-no/good", "packageUrl": "file:///x.apkg"}')


def file_outside(pac: Pac, _: str) -> None:
    expect_explained(pac, '{"agentAppId": "x", "packageUrl": "file:///etc/passwd"}')


CHECKS = (
    ("an unknown agent is 404 in JSON", unknown_agent),
    ("an unknown API path is 404 in JSON", unknown_api_path),
    ("malformed JSON is 400 with error and details", malformed_json),
    ("a missing packageUrl is 400 with error and details", missing_field),
    ("an impossible agentAppId is 400 with error and details", bad_app_id),
    ("file:// outside the allowed directories is 400 with error and details", file_outside),
)
