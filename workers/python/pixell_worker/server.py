"""The worker's life: load the agent, say hello, answer frames, drain, end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any

from . import __version__
from .a2a import A2aService, handlers_of, load_a2a
from .collection import rare_collections
from .entrypoint import Entrypoint
from .executions import Executions
from .failures import LoadError, from_exception
from .frames import Frame, FrameError, FrameWriter, read_frame
from .grpc_server import GrpcSurface
from .http_surface import HttpSurface, load_http_server
from .limits import ORPHAN_GRACE_SECONDS, SIGNAL_GRACE_SECONDS
from .rest import build_rest_app, rest_claims

PROTOCOL_VERSION = 1


class Worker:
    """One agent behind one connection to `par`."""

    def __init__(self, reader: asyncio.StreamReader, writer: FrameWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._servers: list[HttpSurface | GrpcSurface] = []
        self._executions: Executions | None = None
        self._drain: asyncio.Future[float] | None = None

    async def run(self) -> int:
        """Serves until drained or abandoned; the exit code of the process."""
        self._drain = asyncio.get_running_loop().create_future()
        load = await self._wait_for_load()
        if load is None:
            return 0
        try:
            with rare_collections():
                hello = await self._load(load)
        except LoadError as error:
            await self._close_servers(0)
            await self._writer.send(
                {
                    "t": "load_error",
                    "cause": error.cause,
                    "message": error.message,
                    "evidence": error.evidence,
                    "remedy": error.remedy,
                }
            )
            await self._writer.close()
            return 1
        self._watch_signals()
        await self._writer.send(hello)
        reading = asyncio.ensure_future(self._read_frames())
        await asyncio.wait({reading, self._drain}, return_when=asyncio.FIRST_COMPLETED)
        grace = self._drain.result() if self._drain.done() else ORPHAN_GRACE_SECONDS
        await self._close_servers(grace)
        reading.cancel()
        await self._writer.close()
        if reading.done() and not reading.cancelled() and reading.exception() is not None:
            print(f"pixell_worker: {reading.exception()}", file=sys.stderr)
            return 2
        return 0

    async def _wait_for_load(self) -> dict[str, Any] | None:
        while True:
            frame = await read_frame(self._reader)
            if frame is None:
                return None
            if frame.header["t"] == "load":
                if frame.header.get("v") != PROTOCOL_VERSION:
                    raise FrameError(f"protocol version {frame.header.get('v')} is not spoken here")
                return frame.header
            await self._handle(frame)

    async def _load(self, load: dict[str, Any]) -> dict[str, Any]:
        """Starts every configured surface; the hello that says what is served."""
        root = os.path.realpath(str(load.get("package_root") or "."))
        base = str(load.get("base_path") or "/")
        try:
            os.chdir(root)
        except OSError as error:
            raise from_exception(error, "entering the package", root) from error
        if root not in sys.path[:1]:
            sys.path.insert(0, root)
        # Projects keep their packages in src/; nothing is installed to make them importable.
        sources = os.path.join(root, "src")
        if os.path.isdir(sources) and sources not in sys.path:
            sys.path.insert(1, sources)
        rest, a2a, http = (load.get(name) for name in ("rest", "a2a", "http_server"))
        service = A2aService("none")
        try:
            if a2a is not None:
                service = await load_a2a(str(a2a.get("entry") or ""), root)
            if rest is not None:
                entrypoint = str(load.get("entrypoint") or "")
                app = await build_rest_app(rest["entry"], entrypoint, str(load.get("agent")), root)
                await self._start(HttpSurface("rest.entry", app, base, rest["socket"], root))
            if http is not None:
                own = await load_http_server(http["entry"], root)
                if isinstance(own, Mapping):
                    service, http = _merge(service, own), None
                else:
                    await self._start(HttpSurface("http_server", own, base, http["socket"], root))
            if service.kind == "servicer":
                await self._start(GrpcSurface(service.servicer, a2a["grpc_socket"]))
        except Exception as error:
            raise from_exception(error, "serving the agent", root) from error
        entrypoint = Entrypoint(str(load.get("entrypoint") or ""), root)
        self._executions = Executions(service, entrypoint, self._writer.send)
        hello = _hello(service, rest is not None, http is not None)
        claims = rest_claims(app) if rest is not None else []
        return {**hello, "entrypoint": bool(entrypoint), "rest_claims": claims}

    async def _start(self, server: HttpSurface | GrpcSurface) -> None:
        self._servers.append(server)
        await server.start()

    async def _read_frames(self) -> None:
        while True:
            frame = await read_frame(self._reader)
            if frame is None:
                return
            await self._handle(frame)

    async def _handle(self, frame: Frame) -> None:
        header = frame.header
        kind = header["t"]
        if kind == "ping":
            await self._writer.send({"t": "pong", "n": header.get("n")})
        elif kind == "execute" and self._executions is not None:
            await self._executions.execute(header)
        elif kind == "credit" and self._executions is not None:
            count = header.get("n")
            self._executions.credit(str(header.get("x", "")), count if type(count) is int else 0)
        elif kind == "cancel" and self._executions is not None:
            self._executions.cancel(str(header.get("x", "")))
        elif kind == "drain":
            grace_ms = header.get("grace_ms")
            self._ask_to_drain(grace_ms / 1000 if isinstance(grace_ms, (int, float)) else 0.0)

    def _ask_to_drain(self, grace: float) -> None:
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(grace)

    def _watch_signals(self) -> None:
        # Only now: until the agent is loaded a signal simply ends the process, and whatever
        # handlers its modules installed are replaced by ours.
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_drain, SIGNAL_GRACE_SECONDS)

    async def _close_servers(self, grace: float) -> None:
        closing = [server.drain(grace) for server in self._servers]
        if self._executions is not None:
            closing.append(self._executions.drain(grace))
        for result in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(result, BaseException):
                print(f"pixell_worker: closing a surface failed: {result!r}", file=sys.stderr)


def _merge(service: A2aService, named: Mapping[str, Any]) -> A2aService:
    """Handlers that came from http_server; those of the A2A surface win."""
    is_whole = "custom_handlers" in named or "streaming_handlers" in named
    given = handlers_of(named if is_whole else {"custom_handlers": named})
    if given is None:
        return service
    return A2aService(
        "servicer" if service.kind == "servicer" else "handlers",
        {**given.handlers, **service.handlers},
        {**given.streaming, **service.streaming},
        service.servicer,
        service.warnings + given.warnings,
    )


def _hello(service: A2aService, rest: bool, http_server: bool) -> dict[str, Any]:
    return {
        "t": "hello",
        "v": PROTOCOL_VERSION,
        "lang": "python",
        "sdk": f"pixell-worker-python/{__version__}",
        "pid": os.getpid(),
        "runtime": platform.python_version(),
        "rest": rest,
        "http_server": http_server,
        "a2a": None if service.kind == "none" else service.kind,
        "handlers": [
            *({"name": name, "kind": "legacy"} for name in service.handlers),
            *({"name": name, "kind": "streaming"} for name in service.streaming),
        ],
        "warnings": service.warnings,
    }


async def serve(connection: socket.socket) -> int:
    """Runs the worker on a connected socket; the exit code of the process."""
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        return await Worker(reader, FrameWriter(writer)).run()
    except FrameError as error:
        print(f"pixell_worker: {error}", file=sys.stderr)
        return 2
    finally:
        with contextlib.suppress(ConnectionError):
            writer.close()
