"""Judges requests of AWS services by botocore's models, more strictly than botocore does itself.

botocore checks required and unknown members, types and minima; this adds enumerations, patterns and
maxima, and reads the forms of the query services back into parameters.
"""

from __future__ import annotations

import functools
import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.validate import ParamValidator

# The service of a signing name, where they differ.
SERVICES = {"elasticloadbalancing": "elbv2", "servicequotas": "service-quotas"}
# What the models' patterns have and Python's do not; \w takes "_" as well.
DIALECT = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\d",
    r"\p{Z}": r"\s",
    r"\p{Print}": "[ -~]",
    r"\w-_": r"\w\-_",
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF",
}
SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")


@functools.cache
def model_of(service: str) -> ServiceModel:
    """botocore's description of a service."""
    return botocore.session.get_session().get_service_model(service)


class _Form:
    """A form of a query service, read back into parameters."""

    def __init__(self, pairs: Mapping[str, str], is_ec2: bool) -> None:
        self._pairs = pairs
        self._is_ec2 = is_ec2
        self.used: set[str] = set()

    def read(self, shape: Shape, prefix: str = "") -> Any:
        kind = shape.type_name
        if kind == "structure":
            found = {}
            for name, member in shape.members.items():
                path = (
                    f"{prefix}.{self._wire(name, member)}" if prefix else self._wire(name, member)
                )
                if any(key == path or key.startswith(path + ".") for key in self._pairs):
                    found[name] = self.read(member, path)
            return found
        if kind == "list":
            return self._read_list(shape, prefix)
        text = self._pairs[prefix]
        self.used.add(prefix)
        if kind in ("integer", "long"):
            return int(text)
        if kind == "boolean":
            return {"true": True, "false": False}[text]
        return text

    def _wire(self, name: str, member: Shape) -> str:
        serialization = member.serialization
        if self._is_ec2:
            wire = serialization.get("queryName") or serialization.get("name", name)
            return wire[0].upper() + wire[1:]
        return serialization.get("name", name)

    def _read_list(self, shape: Shape, prefix: str) -> list[Any]:
        if not self._is_ec2 and not shape.serialization.get("flattened"):
            prefix += "." + shape.member.serialization.get("name", "member")
        pattern = re.compile(re.escape(prefix) + r"\.(\d+)(?:\.|$)")
        indices = {int(match[1]) for key in self._pairs if (match := pattern.match(key))}
        assert indices == set(range(1, len(indices) + 1)), f"{prefix}: {sorted(indices)}"
        return [self.read(shape.member, f"{prefix}.{index}") for index in sorted(indices)]


def _pattern(text: str) -> re.Pattern[str]:
    for theirs, ours in DIALECT.items():
        text = text.replace(theirs, ours)
    return re.compile(text)


def _strict(value: Any, shape: Shape, path: str, wrong: list[str]) -> None:
    """What botocore's own validator does not look at."""
    kind, limits = shape.type_name, shape.metadata
    if kind == "structure":
        for name, member in value.items():
            if name in shape.members:
                _strict(member, shape.members[name], f"{path}.{name}", wrong)
    elif kind == "list":
        for index, each in enumerate(value):
            _strict(each, shape.member, f"{path}[{index}]", wrong)
    elif kind == "map":
        for key, each in value.items():
            _strict(key, shape.key, f"{path} key", wrong)
            _strict(each, shape.value, f"{path}.{key}", wrong)
    elif kind == "string" and isinstance(value, str):
        if shape.enum and value not in shape.enum:
            wrong.append(f"{path}: {value!r} is none of {shape.enum[:8]}")
        pattern = limits.get("pattern")
        if pattern and not _pattern(pattern).fullmatch(value):
            wrong.append(f"{path}: {value!r} does not match {pattern}")
    size = len(value) if isinstance(value, (list, dict, str)) else value
    if "max" in limits and not isinstance(size, bool) and size > limits["max"]:
        wrong.append(f"{path}: {size} is more than {limits['max']}")


def _read(
    headers: Mapping[str, str], body: bytes, wrong: list[str]
) -> tuple[OperationModel, dict[str, Any]]:
    """The operation and its parameters; what is wrong on the way goes into `wrong`."""
    match = SCOPE.search(headers.get("Authorization", ""))
    assert match, headers
    model = model_of(SERVICES.get(match[1], match[1]))
    # A service may have several; ours is JSON where there is one.
    if "json" in model.metadata["protocols"]:
        prefix, _, name = headers["X-Amz-Target"].partition(".")
        if prefix != model.metadata["targetPrefix"]:
            wrong.append(f"the target's prefix is {prefix}")
        kind = "application/x-amz-json-" + model.metadata["jsonVersion"]
        if headers["Content-Type"] != kind:
            wrong.append(f"Content-Type is {headers['Content-Type']}")
        return model.operation_model(name), json.loads(body)
    listed = urllib.parse.parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    pairs = dict(listed)
    if len(pairs) != len(listed):
        wrong.append("a field is there twice")
    operation = model.operation_model(pairs.pop("Action"))
    version = pairs.pop("Version")
    if version != model.metadata["apiVersion"]:
        wrong.append(f"the version is {version}")
    form = _Form(pairs, model.metadata["protocol"] == "ec2")
    parameters = form.read(operation.input_shape) if operation.input_shape else {}
    if unknown := set(pairs) - form.used:
        wrong.append(f"nobody knows {sorted(unknown)}")
    return operation, parameters


def operation_of(
    headers: Mapping[str, str], body: bytes
) -> tuple[str, OperationModel, dict[str, Any]]:
    """botocore's name of the service, the operation and the parameters of a request."""
    operation, parameters = _read(headers, body, [])
    return operation.service_model.service_name, operation, parameters


def faults(method: str, target: str, headers: Mapping[str, str], body: bytes) -> list[str]:
    """What is wrong with a request, in words; empty when nothing is."""
    wrong: list[str] = []
    operation, parameters = _read(headers, body, wrong)
    if (method, target) != (operation.http["method"], operation.http["requestUri"]):
        wrong.append(f"{method} {target}")
    if operation.input_shape:
        report = ParamValidator().validate(parameters, operation.input_shape)
        if report.has_errors():
            wrong.append(report.generate_report())
        _strict(parameters, operation.input_shape, operation.name, wrong)
    return wrong
