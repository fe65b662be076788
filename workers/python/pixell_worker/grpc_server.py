"""A full gRPC servicer of the agent, served as cleartext HTTP/2 on a Unix socket."""

from __future__ import annotations

import contextlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

from . import messages
from .failures import HANDLER_ERROR, MISSING_MODULE, LoadError
from .limits import MAX_GRPC_MESSAGE_BYTES, MAX_GRPC_THREADS
from .sockets import private_files

_REGISTER = "add_AgentServiceServicer_to_server"


class GrpcSurface:
    """The server of one servicer; started once, drained once."""

    def __init__(self, servicer: Any, path: str) -> None:
        self._servicer = servicer
        self._path = path
        self._threads = ThreadPoolExecutor(MAX_GRPC_THREADS, "grpc-servicer")
        self._server: Any = None

    async def start(self) -> None:
        """Registers the servicer and accepts connections."""
        try:
            import google.protobuf  # noqa: F401 - asked for here so that the error names it
            import grpc.aio
        except ImportError as error:
            raise LoadError(
                MISSING_MODULE,
                "a gRPC servicer needs grpcio and protobuf in the agent's environment",
                [str(error)],
            ) from error
        self._server = grpc.aio.server(
            # Methods that are plain functions run here, coroutines on the event loop.
            migration_thread_pool=self._threads,
            options=[
                ("grpc.max_receive_message_length", MAX_GRPC_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_GRPC_MESSAGE_BYTES),
            ],
        )
        register(self._servicer, self._server)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        with private_files():
            try:
                bound = self._server.add_insecure_port(f"unix:{self._path}")
            except RuntimeError as error:
                raise _not_bound(self._path, str(error)) from error
            if not bound:
                raise _not_bound(self._path, "the port is 0")
            await self._server.start()

    async def drain(self, grace: float) -> None:
        """Refuses new calls, lets running ones finish within the grace, then closes."""
        if self._server is not None:
            await self._server.stop(grace)
        self._threads.shutdown(wait=False)


def register(servicer: Any, server: Any) -> None:
    """Adds the servicer with its own generated code when there is some, else with ours."""
    generated = _generated_register(type(servicer))
    if generated is not None:
        try:
            generated(servicer, server)
            return
        except AttributeError:
            # It does not have every method of its own service; ours fills what is missing.
            pass
    import grpc

    handlers = {name: _handler(servicer, name) for name in messages.METHODS}
    handler = grpc.method_handlers_generic_handler(messages.SERVICE, handlers)
    server.add_generic_rpc_handlers((handler,))


def _generated_register(servicer_class: type) -> Callable[[Any, Any], None] | None:
    for base in servicer_class.__mro__:
        module = sys.modules.get(base.__module__)
        found = getattr(module, _REGISTER, None)
        if callable(found):
            return found
    return None


def _handler(servicer: Any, name: str) -> Any:
    import grpc

    request, response = messages.METHODS[name]
    classes = messages.message_classes()
    behaviour = getattr(servicer, name, None)
    if not callable(behaviour):
        behaviour = _default(name)
    parse = classes[request].FromString
    if name == "Invoke":
        parse = messages.parse_action_request
    return grpc.unary_unary_rpc_method_handler(
        behaviour, request_deserializer=parse, response_serializer=_serializer(classes[response])
    )


def _serializer(response: Any) -> Callable[[Any], bytes]:
    """Bytes of whatever the method returned: a message of any module, a dict, or an object with
    the fields as attributes."""
    names = [field.name for field in response.DESCRIPTOR.fields]

    def serialize(value: Any) -> bytes:
        if hasattr(value, "SerializeToString"):
            return value.SerializeToString()
        given = value if isinstance(value, dict) else vars(value)
        fields = {name: given[name] for name in names if given.get(name) is not None}
        return response(**fields).SerializeToString()

    return serialize


def _default(name: str) -> Callable[[Any, Any], Any]:
    """What a method that the servicer lacks answers."""
    classes = messages.message_classes()

    async def ping(request: Any, context: Any) -> Any:
        return classes["Pong"](message="pong", timestamp=messages.now_ms())

    async def capabilities(request: Any, context: Any) -> Any:
        return classes["Capabilities"](methods=list(messages.METHODS))

    async def health(request: Any, context: Any) -> Any:
        return classes["HealthStatus"](
            ok=True, message="Agent is healthy", timestamp=messages.now_ms()
        )

    async def invoke(request: Any, context: Any) -> Any:
        return classes["ActionResult"](
            success=False,
            error=f"No handler found for action: {request.action}",
            request_id=request.request_id,
        )

    return {
        "Ping": ping,
        "DescribeCapabilities": capabilities,
        "Health": health,
        "Invoke": invoke,
    }[name]


def _not_bound(path: str, reason: str) -> LoadError:
    return LoadError(HANDLER_ERROR, f"the gRPC server cannot listen on {path}", [reason])
