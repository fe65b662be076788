"""What the tests of metrics, traces and logs share."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from .stack import Par

#: A REST package whose agent tells the header fields it got.
ECHO = """
from fastapi import Request


def mount(app):
    @app.get("/api/headers")
    async def headers(request: Request):
        return dict(request.headers)

    @app.get("/api/fail")
    async def fail():
        raise RuntimeError("on purpose")
"""


def metrics_of(par: Par, path: str = "/metrics") -> dict[tuple[str, frozenset], float]:
    """The samples of /metrics by name and labels, read by Prometheus's own parser."""
    reply = par.get(path)
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples = {}
    for family in text_string_to_metric_families(reply.text):
        assert family.documentation, family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, key
            samples[key] = sample.value
    return samples


def value(samples: dict[tuple[str, frozenset], float], name: str, **labels: str) -> float:
    """One sample; 0 when there is none."""
    return samples.get((name, frozenset(labels.items())), 0.0)
