"""What stands between the HTTP server and an agent's ASGI application."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from .failures import HANDLER_ERROR, LoadError, from_exception
from .limits import LIFESPAN_SHUTDOWN_SECONDS

_NOT_FOUND = b'{"detail":"Not Found"}'


def is_asgi_app(candidate: Any) -> bool:
    """True for a callable with the three ASGI arguments (scope, receive, send)."""
    parameters = _parameters(candidate)
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return _required(parameters) == 3 or (takes_any and not inspect.isroutine(candidate))


def is_wsgi_app(candidate: Any) -> bool:
    """True for a callable with the two WSGI arguments (environ, start_response)."""
    return _required(_parameters(candidate)) == 2


def _parameters(candidate: Any) -> list[inspect.Parameter]:
    """What an application takes; nothing for what is none, or hides it."""
    if inspect.isclass(candidate) or not callable(candidate):
        return []
    try:
        return list(inspect.signature(candidate).parameters.values())
    except (TypeError, ValueError):
        return []


def _required(parameters: list[inspect.Parameter]) -> int:
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in parameters)


class BasePathApp:
    """Serves one application at the base path and at the root, and a doubled base path nowhere."""

    def __init__(self, app: Any, base_path: str, state: dict[str, Any]) -> None:
        self._app = app
        self._base = base_path.rstrip("/")
        self._state = state
        # Old Starlette wants the path without the prefix; the specification and every newer
        # framework want the whole path beside root_path.
        self._strip = _is_old_starlette()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Forwards one request or websocket with root_path set when the base path was used."""
        path, base = scope["path"], self._base
        if self._state:
            scope["state"] = dict(self._state)
        if base and (path == base or path.startswith(base + "/")):
            rest = path[len(base) :] or "/"
            if rest == base or rest.startswith(base + "/"):
                await _not_found(scope, receive, send)
                return
            scope["root_path"] = scope.get("root_path", "") + base
            scope["path"] = rest if self._strip else base + rest
        await self._app(scope, receive, send)


class Lifespan:
    """Runs the start and the end of an ASGI application, with its failure as a LoadError."""

    def __init__(self, app: Any, surface: str, package_root: str) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._surface = surface
        self._root = package_root
        self._inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._started = asyncio.Event()
        self._failure = ""
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Runs the application's start handlers; LoadError when they fail."""
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        self._inbox.put_nowait({"type": "lifespan.startup"})
        self._task = asyncio.ensure_future(self._app(scope, self._inbox.get, self._send))
        waiter = asyncio.ensure_future(self._started.wait())
        await asyncio.wait({self._task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()
        doing = f"starting the application of {self._surface}"
        if self._failure:
            await asyncio.wait({self._task}, timeout=1)
            error = self._task.exception() if self._task.done() else None
            if error is not None:
                raise from_exception(error, doing, self._root)
            raise LoadError(HANDLER_ERROR, doing, self._failure.splitlines())
        if not self._started.is_set():
            # An application may refuse the lifespan protocol; it simply has no handlers then.
            self._task.exception()
            self._task = None

    async def shutdown(self) -> None:
        """Runs the application's end handlers, for a bounded time."""
        if self._task is None or self._task.done():
            return
        self._inbox.put_nowait({"type": "lifespan.shutdown"})
        done, _ = await asyncio.wait({self._task}, timeout=LIFESPAN_SHUTDOWN_SECONDS)
        if not done:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=1)
        if self._task.done() and not self._task.cancelled():
            self._task.exception()

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "lifespan.startup.complete":
            self._started.set()
        elif message["type"] == "lifespan.startup.failed":
            self._failure = message.get("message") or "startup failed"
            self._started.set()


async def _not_found(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1000})
        return
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_NOT_FOUND)).encode()),
    ]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": _NOT_FOUND})


def _is_old_starlette() -> bool:
    try:
        import starlette
    except ImportError:
        return False
    major, minor = (int(part) for part in starlette.__version__.split(".")[:2])
    return (major, minor) < (0, 33)
