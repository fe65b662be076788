"""A proxy before AWS that records and judges every call, and does to some what networks and AWS do.

Rules say which call fails, and how; each is used up. Everything it lets through is the same as
without it.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import http.client
import http.server
import json
import socket
import struct
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

from pixell_testing.aws import HOP_BY_HOP
from pixell_testing.aws_models import faults, operation_of
from pixell_testing.aws_pages import page

# A client that does not give up by then is a failure of its own.
MAX_HANG_S = 60
UPSTREAM_TIMEOUT_S = 30
# With no time to linger a close is a reset.
RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class Fault(enum.Enum):
    """What can happen to a call."""

    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    # The connection breaks, and the service never had the request.
    RESET = "reset"
    # The service did it, and the connection breaks before the answer.
    LOST = "lost"
    # No answer comes, and the service never had the request.
    HUNG = "hung"
    # From then on the action's answers come in pages, the first of them empty.
    PAGED = "paged"


@dataclasses.dataclass
class Call:
    """One request that came."""

    service: str
    action: str
    # The how manieth of this service and action, from 1.
    turn: int
    parameters: dict[str, Any]
    # What AWS's model says against it.
    wrong: list[str]
    fault: Fault | None = None

    @property
    def is_change(self) -> bool:
        return not self.action.startswith(("Describe", "List", "Get", "Discover"))


@dataclasses.dataclass
class Rule:
    """What happens to the calls of an action from a turn on, so many times."""

    fault: Fault
    service: str
    action: str
    turn: int = 1
    times: int = 1

    def fits(self, call: Call) -> bool:
        is_same = (call.service, call.action) == (self.service, self.action)
        return is_same and call.turn >= self.turn and self.times > 0


def refusal(protocol: str, fault: Fault) -> tuple[int, str, bytes]:
    """Status, content type and body of a refusal as a service words it."""
    is_throttled = fault is Fault.THROTTLED
    if protocol == "json":
        name = "ThrottlingException" if is_throttled else "ServiceUnavailableException"
        said = {"__type": name, "message": "Rate exceeded" if is_throttled else "Try again later."}
        status = 400 if is_throttled else 503
        return status, "application/x-amz-json-1.1", json.dumps(said).encode()
    name = "Throttling" if is_throttled else "ServiceUnavailable"
    status = 400 if is_throttled else 503
    words = "Rate exceeded" if is_throttled else "Try again later."
    error = f"<Code>{name}</Code><Message>{words}</Message>"
    body = f"<Error><Type>Sender</Type>{error}</Error><RequestId>11111111-2222</RequestId>"
    if protocol == "ec2":
        body = f"<Errors><Error>{error}</Error></Errors><RequestID>11111111-2222</RequestID>"
        return status, "text/xml", f"<Response>{body}</Response>".encode()
    return status, "text/xml", f"<ErrorResponse>{body}</ErrorResponse>".encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = dict(self.headers.items())
        call, protocol = self.server.proxy.note(self.command, self.path, headers, body)
        if call.fault in (Fault.THROTTLED, Fault.UNAVAILABLE):
            self._reply(*refusal(protocol, call.fault))
        elif call.fault is Fault.RESET:
            self._break()
        elif call.fault is Fault.HUNG:
            self._hang()
        elif call.fault is Fault.LOST:
            self._pass_on(headers, body)
            self._break()
        elif self.server.proxy.is_paged(call):
            self._reply(*page(call, body, self._sender(headers)))
        else:
            self._reply(*self._pass_on(headers, body))

    def _sender(self, headers: Mapping[str, str]) -> Any:
        return lambda body: self._pass_on(headers, body)

    def _pass_on(self, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
        address = urllib.parse.urlsplit(self.server.proxy.upstream)
        upstream = http.client.HTTPConnection(
            address.hostname, address.port, timeout=UPSTREAM_TIMEOUT_S
        )
        try:
            kept = {k: v for k, v in headers.items() if k.lower() not in HOP_BY_HOP}
            kept["Content-Length"] = str(len(body))
            upstream.request(self.command, self.path, body=body, headers=kept)
            answer = upstream.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read()
        finally:
            upstream.close()

    def _reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("x-amzn-RequestId", "11111111-2222-3333-4444-555555555555")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _break(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        self.close_connection = True

    def _hang(self) -> None:
        self.connection.settimeout(MAX_HANG_S)
        try:
            has_given_up = self.connection.recv(1) == b""
        except OSError as wrong:
            has_given_up = isinstance(wrong, ConnectionError)
        if not has_given_up:
            self.server.proxy.too_patient.append(self.headers.get("X-Amz-Target", self.path))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing: `calls` tells."""


class _Server(http.server.ThreadingHTTPServer):
    proxy: FaultProxy
    daemon_threads = True
    disable_nagle_algorithm = True

    def handle_error(self, *_: object) -> None:
        """Broken connections are what it is for."""


class FaultProxy:
    """Stands before `upstream`; what came is in `calls`."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.rules: list[Rule] = []
        self.calls: list[Call] = []
        # Calls that hung, and whose client did not end them.
        self.too_patient: list[str] = []
        self._turns: collections.Counter[tuple[str, str]] = collections.Counter()
        self._paged: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def note(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Call, str]:
        """Records and judges a request, and decides what happens to it."""
        service, operation, parameters = operation_of(headers, body)
        with self._lock:
            key = (service, operation.name)
            self._turns[key] += 1
            wrong = faults(method, path, headers, body)
            call = Call(service, operation.name, self._turns[key], parameters, wrong)
            for rule in self.rules:
                if rule.fits(call):
                    rule.times -= 1
                    call.fault = rule.fault
                    break
            if call.fault is Fault.PAGED:
                self._paged.add(key)
            self.calls.append(call)
            metadata = operation.service_model.metadata
            return call, "json" if "json" in metadata["protocols"] else metadata["protocol"]

    def is_paged(self, call: Call) -> bool:
        """Whether its answers come in pages."""
        return (call.service, call.action) in self._paged

    def forget(self) -> None:
        """As at the start."""
        with self._lock:
            self.rules.clear()
            self.calls.clear()
            self._turns.clear()
            self._paged.clear()

    def wrong(self) -> set[str]:
        """What AWS's models say against the calls."""
        return {f"{each.service} {each.action}: {w}" for each in self.calls for w in each.wrong}

    def close(self) -> None:
        """Stops it."""
        self._server.shutdown()
        self._server.server_close()
