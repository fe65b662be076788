"""Checks of the three surfaces of the example agent, through the edge."""

from devtool import rpc
from devtool.pac import Pac, Reply
from devtool.shell import Failure

HELLO = "/api/hello"


def expect_status(reply: Reply, status: int) -> Reply:
    """Failure with the beginning of the answer unless the status is the one wanted."""
    if reply.status != status:
        raise Failure(f"answered {reply.status}, not {status}: {reply.text[:300]}")
    return reply


def expect(value: object, wanted: object) -> None:
    """Failure unless two values are equal."""
    if value != wanted:
        raise Failure(f"got {value!r}, not {wanted!r}")


def is_json(reply: Reply) -> bool:
    """Whether the answer says that it is JSON (plain or a problem)."""
    return reply.headers.get("content-type", "").partition(";")[0].strip() in (
        "application/json",
        "application/problem+json",
    )


def rest_full_id(pac: Pac, app: str) -> None:
    reply = expect_status(pac.get(f"/agents/{app}{HELLO}"), 200)
    if not is_json(reply):
        raise Failure(f"is not JSON: {reply.headers.get('content-type')}")


def rest_short_id(pac: Pac, app: str) -> None:
    short_id = pac.app(app)["app"]["short_id"]
    by_full_id = pac.get(f"/agents/{app}{HELLO}")
    by_short_id = expect_status(pac.get(f"/agents/{short_id}{HELLO}"), 200)
    expect(by_short_id.json(), by_full_id.json())


def rest_health(pac: Pac, app: str) -> None:
    health = expect_status(pac.get(f"/agents/{app}/health"), 200).json()
    expect(health.get("ok"), True)
    expect(health.get("surfaces"), {"rest": True, "a2a": True, "ui": True})


def rest_post(pac: Pac, app: str) -> None:
    reply = expect_status(pac.post(f"/agents/{app}/api/echo", {"text": "ä" * 100_000}), 200)
    expect(reply.json().get("text"), "ä" * 100_000)


def ui_index(pac: Pac, app: str) -> None:
    reply = expect_status(pac.get(f"/agents/{app}/ui/"), 200)
    if "text/html" not in reply.headers.get("content-type", "") or "<html" not in reply.text:
        raise Failure(f"is not a page: {reply.text[:200]}")


def ui_fallback(pac: Pac, app: str) -> None:
    index = pac.get(f"/agents/{app}/ui/")
    reply = expect_status(pac.get(f"/agents/{app}/ui/some/client/route"), 200)
    expect(reply.body, index.body)


def ui_config(pac: Pac, app: str) -> None:
    reply = expect_status(pac.get(f"/agents/{app}/ui-config.json"), 200)
    expect(reply.json(), {"apiBase": f"/agents/{app}/api"})


def api_miss(pac: Pac, app: str) -> None:
    reply = expect_status(pac.get(f"/agents/{app}/api/there-is-no-such-route"), 404)
    expect(reply.json(), {"detail": "Not Found"})


def grpc_health(pac: Pac, app: str) -> None:
    expect(rpc.call(pac.address, "Health", prefix=f"/agents/{app}/a2a")["ok"], True)


def grpc_ping(pac: Pac, app: str) -> None:
    expect(rpc.call(pac.address, "Ping", prefix=f"/agents/{app}/a2a")["message"], "pong")


def grpc_ping_short_id(pac: Pac, app: str) -> None:
    short_id = pac.app(app)["app"]["short_id"]
    expect(rpc.call(pac.address, "Ping", prefix=f"/agents/{short_id}/a2a")["message"], "pong")


def grpc_capabilities(pac: Pac, app: str) -> None:
    answer = rpc.call(pac.address, "DescribeCapabilities", prefix=f"/agents/{app}/a2a")
    expect(sorted(answer["methods"]), ["DescribeCapabilities", "Health", "Invoke", "Ping"])


def invoke_greet(pac: Pac, app: str, request: dict, request_type: str) -> None:
    """Invokes the example's action `greet` and looks for the name in the answer."""
    answer = rpc.call(
        pac.address, "Invoke", request, prefix=f"/agents/{app}/a2a", request_type=request_type
    )
    expect((answer["success"], answer["error"]), (True, ""))
    expect(answer["request_id"], "check-1")
    if "Ada" not in answer["result"]:
        raise Failure(f"the result does not greet Ada: {answer['result']}")


def grpc_invoke(pac: Pac, app: str) -> None:
    request = {"action": "greet", "parameters": {"name": "Ada"}, "request_id": "check-1"}
    invoke_greet(pac, app, request, "ActionRequest")


def grpc_invoke_v2(pac: Pac, app: str) -> None:
    request = {"action": "greet", "parameters": {"name": "Ada"}, "request_id": "check-1"}
    invoke_greet(pac, app, request, "ActionRequestV2")


def grpc_unknown_action(pac: Pac, app: str) -> None:
    request = {"action": "no_such_action"}
    answer = rpc.call(pac.address, "Invoke", request, prefix=f"/agents/{app}/a2a")
    expect(answer["success"], False)
    expect(answer["error"], "No handler found for action: no_such_action")


CHECKS = (
    ("REST by the full id", rest_full_id),
    ("REST by the short id", rest_short_id),
    ("REST health names the three surfaces", rest_health),
    ("REST takes and gives a body of 200 kB", rest_post),
    ("UI index page", ui_index),
    ("UI client routes fall back to the index page", ui_fallback),
    ("UI ui-config.json", ui_config),
    ("an unknown API route is 404, not the UI", api_miss),
    ("gRPC Health", grpc_health),
    ("gRPC Ping", grpc_ping),
    ("gRPC Ping by the short id", grpc_ping_short_id),
    ("gRPC DescribeCapabilities", grpc_capabilities),
    ("gRPC Invoke", grpc_invoke),
    ("gRPC Invoke with the second numbering", grpc_invoke_v2),
    ("gRPC Invoke of an unknown action", grpc_unknown_action),
)
