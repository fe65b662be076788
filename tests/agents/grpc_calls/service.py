"""gRPC in the agent's own hands: calls of all four kinds, whose messages are bytes."""

import asyncio
import collections
import time

import grpc

# How many calls of Wait saw that they are over, by what they were asked.
CANCELLED = collections.Counter()


class Service:
    """AgentService."""

    def Health(self, request, context):
        return {"ok": True, "message": "fine", "timestamp": int(time.time() * 1000)}

    async def Invoke(self, request, context):
        return {"success": True, "result": request.action, "request_id": request.request_id}


async def echo(request, context):
    """Gives back the message, the metadata `x-ask` as initial metadata and as a trailer."""
    asked = dict(context.invocation_metadata()).get("x-ask", "")
    await context.send_initial_metadata((("x-head", asked),))
    context.set_trailing_metadata((("x-tail", asked), ("x-tail-bin", b"\x00\xff")))
    return request


async def total(requests, context):
    """The sizes of a stream of messages."""
    return str(sum([len(request) async for request in requests])).encode()


async def count(request, context):
    """As many messages as it is asked for."""
    for number in range(int(request)):
        yield str(number).encode()


async def talk(requests, context):
    """Answers each message before the next one comes."""
    async for request in requests:
        yield b"re: " + request


async def wait(request, context):
    """One message, then nothing until the call is over."""
    try:
        yield b"waiting"
        await asyncio.sleep(3600)
    finally:
        CANCELLED[request] += 1


async def seen(request, context):
    """How many calls of Wait with this request have seen their end."""
    return str(CANCELLED[request]).encode()


async def fail(request, context):
    """Fails with the details that `want-details-bin` has."""
    details = dict(context.invocation_metadata()).get("want-details-bin", b"")
    context.set_trailing_metadata((("grpc-status-details-bin", details),))
    await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now: ü%")


METHODS = {
    "Echo": grpc.unary_unary_rpc_method_handler(echo),
    "Total": grpc.stream_unary_rpc_method_handler(total),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Talk": grpc.stream_stream_rpc_method_handler(talk),
    "Wait": grpc.unary_stream_rpc_method_handler(wait),
    "Seen": grpc.unary_unary_rpc_method_handler(seen),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
}


def add_AgentServiceServicer_to_server(servicer, server):
    """Found by the worker as generated code would be; adds the second service."""
    handler = grpc.method_handlers_generic_handler("pixell.test.Calls", METHODS)
    server.add_generic_rpc_handlers((handler,))
    # The worker adds AgentService itself when generated code cannot.
    raise AttributeError("AgentService")


def create():
    """The manifest's a2a.service."""
    return Service()
