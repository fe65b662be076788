"""The messages of `pixell.agent.AgentService`, built for whichever protobuf the agent has.

Generated code refuses to load on a protobuf older than its generator, so the descriptors are made
at run time, in a pool of their own that cannot collide with what the agent generated itself.
`proto/pixell/agent.proto` is the text of the same definitions; a test compares the two.
"""

from __future__ import annotations

import functools
import json
import time
from typing import Any

PACKAGE = "pixell.agent"
SERVICE = f"{PACKAGE}.AgentService"

# message -> field -> (number, type); "map" is map<string, string>, "strings" a repeated string.
FIELDS: dict[str, dict[str, tuple[int, str]]] = {
    "Empty": {},
    "HealthStatus": {"ok": (1, "bool"), "message": (2, "string"), "timestamp": (3, "int64")},
    "Capabilities": {"methods": (1, "strings"), "metadata": (2, "map")},
    "ActionRequest": {
        "action": (1, "string"),
        "parameters": (2, "map"),
        "request_id": (3, "string"),
    },
    "A2AMessage": {
        "jsonrpc": (1, "string"),
        "id": (2, "string"),
        "method": (3, "string"),
        "params_json": (4, "string"),
    },
    "ActionRequestV2": {
        "a2a_message": (1, "A2AMessage"),
        "action": (2, "string"),
        "parameters": (3, "map"),
        "request_id": (4, "string"),
    },
    "ActionResult": {
        "success": (1, "bool"),
        "result": (2, "string"),
        "error": (3, "string"),
        "request_id": (4, "string"),
        "duration_ms": (5, "int64"),
        "metadata": (6, "map"),
    },
    "Pong": {"message": (1, "string"), "timestamp": (2, "int64")},
}

#: method -> (request, response)
METHODS = {
    "Health": ("Empty", "HealthStatus"),
    "DescribeCapabilities": ("Empty", "Capabilities"),
    "Invoke": ("ActionRequest", "ActionResult"),
    "Ping": ("Empty", "Pong"),
}


@functools.lru_cache(maxsize=1)
def message_classes() -> dict[str, Any]:
    """The message classes by name. ImportError when the agent has no protobuf."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="pixell/agent.proto", package=PACKAGE, syntax="proto3"
    )
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    make = getattr(message_factory, "GetMessageClass", None)
    if make is None:
        make = message_factory.MessageFactory(pool).GetPrototype
    return {name: make(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in FIELDS}


def parse_action_request(data: bytes) -> Any:
    """An ActionRequest from either generation's bytes. Raises protobuf's DecodeError or
    ValueError when it is neither."""
    classes = message_classes()
    v2 = _parse_v2(data)
    if v2 is None:
        return classes["ActionRequest"].FromString(data)
    request = classes["ActionRequest"](action=v2.action, request_id=v2.request_id)
    request.parameters.update(v2.parameters)
    if v2.HasField("a2a_message"):
        params = json.loads(v2.a2a_message.params_json or "{}")
        metadata = params.get("message", {}).get("metadata", {})
        request.action = str(metadata.get("skill", ""))
        request.request_id = v2.a2a_message.id
        for name, value in metadata.get("params", {}).items():
            request.parameters[name] = value if isinstance(value, str) else json.dumps(value)
    if not request.request_id:
        request.request_id = f"req_{now_ms()}"
    return request


def now_ms() -> int:
    """The time as every message carries it."""
    return int(time.time() * 1000)


def _parse_v2(data: bytes) -> Any:
    from google.protobuf.message import DecodeError

    try:
        v2 = message_classes()["ActionRequestV2"].FromString(data)
    except DecodeError:
        return None
    if not v2.HasField("a2a_message"):
        # A first generation request always has its action in field 1.
        return v2
    return v2 if v2.a2a_message.jsonrpc == "2.0" else None


def _add_field(message: Any, name: str, number: int, kind: str) -> None:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

    field = message.field.add(name=name, number=number, label=Field.LABEL_OPTIONAL)
    if kind == "map":
        entry_name = f"{name.title().replace('_', '')}Entry"
        entry = message.nested_type.add(name=entry_name)
        entry.options.map_entry = True
        for key, key_number in (("key", 1), ("value", 2)):
            entry.field.add(
                name=key, number=key_number, type=Field.TYPE_STRING, label=Field.LABEL_OPTIONAL
            )
        field.type, field.label = Field.TYPE_MESSAGE, Field.LABEL_REPEATED
        field.type_name = f".{PACKAGE}.{message.name}.{entry_name}"
    elif kind == "strings":
        field.type, field.label = Field.TYPE_STRING, Field.LABEL_REPEATED
    elif kind in FIELDS:
        field.type, field.type_name = Field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = getattr(Field, f"TYPE_{kind.upper()}")
