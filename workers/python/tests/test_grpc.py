"""A full servicer behind a real gRPC server and client, and the messages it is served with."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Callable

import grpc
import pytest
from google.protobuf import descriptor_pb2

from conftest import Package
from par_double import ParDouble
from pixell_worker import messages

Start = Callable[..., ParDouble]
PROTO = Path(__file__).resolve().parents[3] / "proto"


def compile_proto(out: Path, *options: str) -> None:
    from grpc_tools import protoc

    arguments = [
        "protoc",
        f"-I{PROTO}",
        *(o.format(out=out) for o in options),
        "pixell/agent.proto",
    ]
    assert protoc.main(arguments) == 0


def call(par: ParDouble, method: str, request: bytes = b"", **metadata: str) -> Any:
    """Calls a method with raw bytes; the parsed response."""
    response = messages.message_classes()[messages.METHODS[method][1]]
    with grpc.insecure_channel(f"unix:{par.grpc_socket}") as channel:
        stub = channel.unary_unary(
            f"/pixell.agent.AgentService/{method}",
            request_serializer=bytes,
            response_deserializer=response.FromString,
        )
        return stub(request, timeout=10)


PLAIN = """
    class Service:
        def Health(self, request, context):
            return {"ok": True, "message": "fine", "timestamp": 5}

        async def Invoke(self, request, context):
            return {"success": True, "result": f"{request.action} {dict(request.parameters)}",
                    "request_id": request.request_id}

    def create():
        return Service()
"""


def test_our_messages_are_those_of_the_proto_file(tmp_path: Path) -> None:
    compile_proto(tmp_path, "--descriptor_set_out={out}/set")
    written = descriptor_pb2.FileDescriptorSet.FromString((tmp_path / "set").read_bytes()).file[0]
    classes = messages.message_classes()
    ours = descriptor_pb2.FileDescriptorProto()
    classes["Empty"].DESCRIPTOR.file.CopyToProto(ours)

    def fields(file: descriptor_pb2.FileDescriptorProto) -> dict[str, list[tuple]]:
        return {
            m.name: [(f.name, f.number, f.type, f.label, f.type_name) for f in m.field]
            for m in file.message_type
        }

    assert fields(ours) == fields(written)
    assert {
        m.name: (m.input_type.split(".")[-1], m.output_type.split(".")[-1])
        for m in written.service[0].method
    } == messages.METHODS


def test_both_generations_of_requests_are_understood() -> None:
    classes = messages.message_classes()
    v1 = classes["ActionRequest"](action="a", parameters={"k": "v"}, request_id="r")
    v2 = classes["ActionRequestV2"](action="a", parameters={"k": "v"}, request_id="r")
    params = '{"message":{"metadata":{"skill":"a","params":{"k":"v","n":[1]}}}}'
    a2a = classes["ActionRequestV2"](
        a2a_message={"jsonrpc": "2.0", "id": "r", "method": "message/send", "params_json": params}
    )

    for request, extra in ((v1, {}), (v2, {}), (a2a, {"n": "[1]"})):
        parsed = messages.parse_action_request(request.SerializeToString())
        assert (parsed.action, parsed.request_id) == ("a", "r")
        assert dict(parsed.parameters) == {"k": "v", **extra}


def test_a_plain_object_with_health_and_invoke_is_a_servicer(
    package: Package, worker: Start
) -> None:
    par = worker(package({"service.py": PLAIN}))

    hello = par.load(a2a="service:create")

    assert (hello["a2a"], hello["handlers"]) == ("servicer", [])
    assert call(par, "Health").message == "fine"
    assert call(par, "Ping").message == "pong"
    assert list(call(par, "DescribeCapabilities").methods) == list(messages.METHODS)
    classes = messages.message_classes()
    for name in ("ActionRequest", "ActionRequestV2"):
        request = classes[name](action="go", parameters={"a": "1"}, request_id="r1")
        answer = call(par, "Invoke", request.SerializeToString())
        assert (answer.result, answer.request_id) == ("go {'a': '1'}", "r1")


def test_a_generated_servicer_is_registered_with_its_own_code(
    package: Package, worker: Start
) -> None:
    text = """
        import sys
        sys.path.insert(0, "gen")
        from pixell import agent_pb2 as pb, agent_pb2_grpc as pbg

        class Service(pbg.AgentServiceServicer):
            def Health(self, request, context):
                return pb.HealthStatus(ok=True, message="generated")

            async def Invoke(self, request, context):
                assert isinstance(request, pb.ActionRequest)
                return pb.ActionResult(success=True, result=request.action)

        def create():
            return Service()
    """
    root = package({"service.py": text, "gen/x.txt": ""})
    compile_proto(root / "gen", "--python_out={out}", "--grpc_python_out={out}")
    par = worker(root)

    assert par.load(a2a="service:create")["a2a"] == "servicer"

    request = messages.message_classes()["ActionRequest"](action="go")
    assert call(par, "Health").message == "generated"
    assert call(par, "Invoke", request.SerializeToString()).result == "go"
    with pytest.raises(grpc.RpcError) as caught:
        call(par, "Ping")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_drain_lets_the_running_call_finish(package: Package, worker: Start) -> None:
    text = """
        import asyncio

        class Service:
            async def Health(self, request, context):
                print("asked", flush=True)
                await asyncio.sleep(0.5)
                return {"ok": True}

            async def Invoke(self, request, context): ...

        def create():
            return Service()
    """
    par = worker(package({"service.py": text}))
    par.load(a2a="service:create")

    async def ask_and_drain() -> bool:
        async with grpc.aio.insecure_channel(f"unix:{par.grpc_socket}") as channel:
            answer = messages.message_classes()["HealthStatus"]
            stub = channel.unary_unary(
                "/pixell.agent.AgentService/Health",
                request_serializer=bytes,
                response_deserializer=answer.FromString,
            )
            asked = asyncio.ensure_future(stub(b"", timeout=10))
            await asyncio.to_thread(par.process.stdout.readline)
            par.send({"t": "drain", "grace_ms": 5000})
            return (await asked).ok

    assert asyncio.run(ask_and_drain())
    assert par.wait() == 0
