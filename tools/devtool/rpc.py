"""gRPC calls to agents, from the contract in proto/pixell/agent.proto."""

import argparse
import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc

from devtool.paths import ROOT
from devtool.shell import Failure

SERVICE = "pixell.agent.AgentService"
METHODS = {
    "Health": ("Empty", "HealthStatus"),
    "DescribeCapabilities": ("Empty", "Capabilities"),
    "Invoke": ("ActionRequest", "ActionResult"),
    "Ping": ("Empty", "Pong"),
}


@functools.cache
def message_types() -> dict[str, type]:
    """The message classes by their short names; compiled once per process.

    They live in a pool of their own, so that they never clash with generated modules.
    """
    with tempfile.TemporaryDirectory() as directory:
        compiled = Path(directory) / "agent.binpb"
        arguments = [f"--proto_path={ROOT / 'proto'}", f"--descriptor_set_out={compiled}"]
        if protoc.main(["protoc", *arguments, "pixell/agent.proto"]) != 0:
            raise Failure("proto/pixell/agent.proto does not compile")
        files = descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    classes = message_factory.GetMessageClassesForFiles(
        [pool.AddSerializedFile(file.SerializeToString()).name for file in files.file], pool
    )
    return {name.rpartition(".")[2]: type_ for name, type_ in classes.items()}


def call(
    address: str,
    method: str,
    request: dict[str, Any] | None = None,
    *,
    prefix: str = "",
    request_type: str = "",
    timeout_s: float = 10,
    metadata: tuple[tuple[str, str], ...] = (),
) -> dict[str, Any]:
    """One unary call; the answer as a dict with the field names of the proto.

    `prefix` is what the edge routes by, e.g. /agents/hello/a2a. grpc.RpcError passes through.
    """
    request_name, answer_name = METHODS[method]
    types = message_types()
    message = json_format.ParseDict(request or {}, types[request_type or request_name]())
    with grpc.insecure_channel(address, options=(("grpc.enable_http_proxy", 0),)) as channel:
        invoke = channel.unary_unary(
            f"{prefix}/{SERVICE}/{method}",
            request_serializer=lambda value: value.SerializeToString(),
            response_deserializer=types[answer_name].FromString,
        )
        answer = invoke(message, timeout=timeout_s, metadata=metadata)
    return json_format.MessageToDict(
        answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def call_from_command_line(options: argparse.Namespace) -> int:
    """`./dev call APP METHOD [ACTION KEY=VALUE…]`: prints the answer as JSON."""
    if options.method not in METHODS:
        raise Failure(f"there is no method {options.method}; there are {', '.join(METHODS)}")
    request: dict[str, Any] = {}
    if options.method == "Invoke":
        pairs = [pair.partition("=") for pair in options.parameters]
        request = {"action": options.action, "parameters": {key: value for key, _, value in pairs}}
    try:
        answer = call(options.address, options.method, request, prefix=f"/agents/{options.app}/a2a")
    except grpc.RpcError as error:
        raise Failure(f"{error.code().name}: {error.details()}") from error
    print(json.dumps(answer, indent=2))
    return 0
