"""Traces: W3C Trace Context through `par`, and the export of its spans."""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from devtool.pac import request, wait_until
from pixell_testing.observed import ECHO, metrics_of, value
from pixell_testing.packages import from_files, with_routes
from pixell_testing.stack import Par

StartPar = Callable[..., Par]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def request_line(par: Par, span_id: str) -> dict[str, Any]:
    """The log line of the request with that span; it is written when its answer has left."""
    lines: list[dict[str, Any]] = []

    def is_there() -> bool:
        lines[:] = [line for line in par.log() if line.get("span_id") == span_id]
        return bool(lines)

    wait_until("the request is logged", is_there, 10)
    (line,) = lines
    assert line["event"] == "Request processed"
    return line


@pytest.fixture(scope="module")
def echo(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Par]:
    """A ready par whose agent tells the header fields it gets."""
    folder = tmp_path_factory.mktemp("echo")
    package = folder / "agent.apkg"
    package.write_bytes(with_routes(ECHO))
    with Par(folder, package, env={"ENV_STORE_DIR": str(scratch / "environments")}) as running:
        yield running.wait_ready()


def test_a_handler_gets_the_trace_of_its_call(par: StartPar) -> None:
    code = """
        const seen = (parameters, { traceparent, tracestate, requestId }) =>
          [traceparent, tracestate, requestId];
        exports.service = () => ({ custom_handlers: { seen } });
        exports.main = seen;
    """
    manifest = "name: a\nruntime: node18\na2a: {entry: a.js:service}\nentrypoint: a.js:main\n"
    running = par(from_files({"agent.yaml": manifest, "a.js": code})).wait_ready()
    sent = {
        "traceparent": f"00-{TRACE}-{PARENT}-01",
        "tracestate": "vendor=1",
        "X-Request-Id": "req-7",
        "Content-Type": "application/json",
    }
    calls = {
        "/": {"jsonrpc": "2.0", "id": 1, "method": "seen", "params": {}},
        "/invoke": {"action": "seen", "data": {}},
    }

    for path, body in calls.items():
        text = json.dumps(body)
        reply = request(running.url, "POST", path, body=text, headers=sent).json()
        traceparent, tracestate, request_id = reply["result" if path == "/" else "data"]
        _, trace_id, span_id, flags = traceparent.split("-")
        assert (trace_id, flags) == (TRACE, "01")
        assert span_id != PARENT
        assert (tracestate, request_id) == ("vendor=1", "req-7")
    # An id that may not be passed on is replaced here as everywhere.
    odd = {**sent, "X-Request-Id": "x" * 200}
    reply = request(running.url, "POST", "/", body=json.dumps(calls["/"]), headers=odd).json()
    assert reply["result"][2] == TRACE


def test_a_trace_is_continued(echo: Par) -> None:
    sent = {
        "traceparent": f"00-{TRACE}-{PARENT}-00",
        "tracestate": "vendor=1,other@sys=2",
        "X-Request-Id": "req-7",
    }

    got = echo.get("/api/headers", headers=sent).json()

    version, trace, span, flags = got["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "00")
    assert span != PARENT
    assert got["tracestate"] == sent["tracestate"]
    assert got["x-request-id"] == "req-7"
    line = request_line(echo, span)
    assert line["trace_id"] == TRACE
    assert line["url"] == "/api/headers"
    assert line["request_id"] == "req-7"
    assert {"method", "url", "status_code", "process_time", "agentAppId"} <= line.keys()


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "garbage",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-extra",
    ],
)
def test_a_trace_is_begun_when_there_is_none_to_trust(echo: Par, bad: str | None) -> None:
    sent = {"tracestate": "vendor=1"} | ({"traceparent": bad} if bad else {})

    got = echo.get("/api/headers", headers=sent).json()

    version, trace, span, flags = got["traceparent"].split("-")
    assert (version, flags) == ("00", "01")
    assert (len(trace), len(span)) == (32, 16)
    assert trace.lower() != TRACE
    assert "tracestate" not in got
    assert request_line(echo, span)["trace_id"] == trace


# --------------------------------------------------------------------------- OTLP export


class Collector:
    """A collector of OTLP over HTTP that keeps what it gets, as messages of the protocol."""

    def __init__(self) -> None:
        """Listens at once; `status` is what it answers."""
        self.status = 200
        self.hold: threading.Event | None = None
        self.requests: list[tuple[str, dict[str, str], ExportTraceServiceRequest]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Keeps a good request and answers."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.hold:
                    outer.hold.wait(30)
                headers = {name.lower(): text for name, text in self.headers.items()}
                if outer.status == 200:
                    outer.requests.append((self.path, headers, parse(body)))
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def spans(self) -> list[Any]:
        """All spans so far."""
        return [
            span
            for _, _, request in list(self.requests)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


def parse(body: bytes) -> ExportTraceServiceRequest:
    """Strictly: an unknown or mistyped field fails. Ids are hex here, base64 in plain JSON."""
    request = json.loads(body)
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for key in ("traceId", "spanId", "parentSpanId"):
                    if key in span:
                        span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    return json_format.ParseDict(request, ExportTraceServiceRequest())


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that ends with the test."""
    running = Collector()
    yield running
    if running.hold:
        running.hold.set()
    running.server.shutdown()
    running.server.server_close()


def attributes(item: Any) -> dict[str, Any]:
    """The attributes of a span or resource."""
    return {
        each.key: each.value.int_value
        if each.value.HasField("int_value")
        else each.value.string_value
        for each in item.attributes
    }


def test_spans_are_exported_at_the_end(par: StartPar, collector: Collector) -> None:
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-team-key=canary%20value",
        "OTEL_SERVICE_NAME": "shop",
        "OTEL_RESOURCE_ATTRIBUTES": "team=blue",
        "DEPLOYMENT_ID": "d-1",
    }
    running = par(with_routes(ECHO), env=env).wait_ready()
    sent = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
    got = running.get("/api/headers?token=canary", headers=sent).json()
    running.get("/api/fail", headers=sent)
    running.get("/health", headers={"traceparent": f"00-{'b' * 32}-{PARENT}-00"})

    assert running.stop() == 0

    path, headers, request = collector.requests[0]
    assert path == "/v1/traces"
    assert headers["content-type"] == "application/json"
    assert headers["x-team-key"] == "canary value"
    resource = attributes(request.resource_spans[0].resource)
    assert resource["service.name"] == "shop"
    assert resource["team"] == "blue"
    assert resource["pixell.agent_app_id"] == "test-agent"
    assert resource["pixell.deployment_id"] == "d-1"
    ours = [span for span in collector.spans() if span.trace_id.hex() == TRACE]
    assert [attributes(span)["url.path"] for span in ours] == ["/api/headers", "/api/fail"]
    first, second = ours
    assert first.span_id.hex() == got["traceparent"].split("-")[2]
    assert first.parent_span_id.hex() == PARENT
    assert first.trace_state == "vendor=1"
    assert first.kind == first.SPAN_KIND_SERVER
    assert attributes(first)["http.response.status_code"] == 200
    assert 0 < first.end_time_unix_nano - first.start_time_unix_nano < 30e9
    assert first.status.code == 0
    assert second.status.code == second.status.STATUS_CODE_ERROR
    # Not sampled by its caller; and the boot is a trace of its own.
    assert "bb" * 16 not in {span.trace_id.hex() for span in collector.spans()}
    boot = next(span for span in collector.spans() if span.name == "boot")
    phases = [span for span in collector.spans() if span.parent_span_id == boot.span_id]
    assert {"boot fetch", "boot worker"} <= {span.name for span in phases}
    assert "canary" not in running.log_text()


def test_a_batch_leaves_after_five_seconds(par: StartPar, collector: Collector) -> None:
    env = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.url + "/own/path"}
    running = par(with_routes(ECHO), env=env).wait_ready()

    running.get("/api/headers")

    wait_until("the span arrives", lambda: any(s.name == "GET rest" for s in collector.spans()), 20)
    assert collector.requests[0][0] == "/own/path"
    # The collector has them a moment before par hears of it.
    wait_until(
        "the spans are counted",
        lambda: value(metrics_of(running), "pixell_spans_total", outcome="sent") >= 1,
        10,
    )


def test_the_sampler_is_followed(par: StartPar, collector: Collector) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_TRACES_SAMPLER": "always_off"}
    running = par(with_routes(ECHO), env=env).wait_ready()

    got = running.get("/api/headers", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"}).json()

    assert got["traceparent"].endswith("-00")
    assert running.stop() == 0
    assert collector.spans() == []


def test_a_collector_that_hangs_holds_nobody_up(par: StartPar, collector: Collector) -> None:
    collector.hold = threading.Event()
    running = par(with_routes(ECHO), env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    running.wait_ready()
    for _ in range(20):
        assert running.get("/api/headers", timeout_s=5).status == 200

    running.process.send_signal(signal.SIGTERM)

    # One second of notice, two for the flush, and the worker's end.
    assert running.process.wait(10) == 0
    assert "Runtime shutdown complete" in running.events()


def test_a_failing_collector_is_told_once(par: StartPar, collector: Collector) -> None:
    collector.status = 400
    running = par(with_routes(ECHO), env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    running.wait_ready().get("/api/headers")

    wait_until(
        "the failure is counted",
        lambda: value(metrics_of(running), "pixell_spans_total", outcome="failed") > 0,
        20,
    )

    warnings = [line for line in running.log() if line["event"] == "Spans could not be exported"]
    assert [line["reason"] for line in warnings] == ["the collector answered 400"]


def test_an_exporter_that_dies_is_started_again(par: StartPar, collector: Collector) -> None:
    running = par(with_routes(ECHO), env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    running.wait_ready()
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")

    def exporters() -> list[int]:
        pids = [int(pid) for pid in children.read_text().split()]
        return [
            pid for pid in pids if b"par-telemetry" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    (first,) = exporters()

    os.kill(first, signal.SIGKILL)
    wait_until("another one runs", lambda: [p for p in exporters() if p != first], 20)
    running.get("/api/headers")

    assert running.stop() == 0
    assert "GET rest" in {span.name for span in collector.spans()}
