"""gRPC in the agent's own hands: AgentService, and a method with a stream of answers."""

import asyncio
import time

import grpc

from settings import VERSION


class Service:
    """AgentService."""

    def Health(self, request, context):
        return {"ok": True, "message": "fine", "timestamp": int(time.time() * 1000)}

    async def Invoke(self, request, context):
        return {"success": True, "result": VERSION, "request_id": request.request_id}


async def count(request, context):
    """As many messages as the first byte asks for, at the pace of the second, in 10 ms."""
    for number in range(request[0]):
        yield str(number).encode()
        await asyncio.sleep(request[1] / 100)
    yield b"end"


def add_AgentServiceServicer_to_server(servicer, server):
    """Found by the worker as generated code would be; adds the second service."""
    method = grpc.unary_stream_rpc_method_handler(count)
    handler = grpc.method_handlers_generic_handler("pixell.test.Stream", {"Count": method})
    server.add_generic_rpc_handlers((handler,))
    # The worker adds AgentService itself when generated code cannot.
    raise AttributeError("AgentService")


def create():
    """The manifest's a2a.service."""
    return Service()
