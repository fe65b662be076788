"""Calls of AWS services through the probe, each request judged by AWS's model."""

from __future__ import annotations

from typing import Any

from pixell_testing.aws import Moto, Probe, TroubledProxy
from pixell_testing.aws_models import faults


class Aws:
    """Does actions through the probe and remembers which."""

    def __init__(self, moto: Moto, proxy: TroubledProxy, probe: Probe) -> None:
        self.moto = moto
        self.proxy = proxy
        self.probe = probe
        self.done: set[tuple[str, str]] = set()

    def __call__(self, service: str, action: str, /, **parameters: Any) -> Any:
        """The answer of an action that succeeds, with a request that the model allows."""
        answer = self.probe.ask(op="call", service=service, action=action, parameters=parameters)
        assert "error" not in answer, answer
        method, target, headers = self.proxy.asked[-1]
        wrong = faults(method, target, headers, self.proxy.bodies[-1])
        assert not wrong, f"{service} {action}: {wrong}"
        self.done.add((service, action))
        return answer["answer"]

    def refused(self, service: str, action: str, /, **parameters: Any) -> dict[str, Any]:
        """The error of an action that fails."""
        return self.probe.ask(op="call", service=service, action=action, parameters=parameters)

    def boto3(self, service: str) -> Any:
        return self.moto.client(service)
