"""An ASGI application of the agent, served as HTTP/1.1 by uvicorn on a Unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
from collections.abc import Mapping
from typing import Any

from .asgi import BasePathApp, Lifespan, is_asgi_app, is_wsgi_app
from .failures import HANDLER_ERROR, MISSING_MODULE, LoadError
from .limits import KEEP_ALIVE_SECONDS
from .loader import call_agent, load_object
from .sockets import listen_unix


class HttpSurface:
    """One application and its server; started once, drained once."""

    def __init__(self, name: str, app: Any, base_path: str, path: str, package_root: str) -> None:
        self._name = name
        self._app = app
        self._base_path = base_path
        self._path = path
        self._lifespan = Lifespan(app, name, package_root)
        self._sockets: list[Any] = []
        self._server: Any = None
        self._ticker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Runs the application's start handlers, then accepts connections."""
        try:
            import uvicorn
        except ImportError as error:
            raise LoadError(
                MISSING_MODULE,
                f"{self._name} needs uvicorn, which the agent's environment does not have",
                [str(error)],
            ) from error
        await self._lifespan.startup()
        config = uvicorn.Config(
            BasePathApp(self._app, self._base_path, self._lifespan.state),
            loop="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            # Only par connects here, and it says who the client was.
            proxy_headers=True,
            forwarded_allow_ips="*",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        config.load()
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        self._sockets = [listen_unix(self._path)]
        await self._server.startup(sockets=self._sockets)
        await self._server.on_tick(0)
        self._ticker = asyncio.ensure_future(self._tick())

    async def drain(self, grace: float) -> None:
        """Accepts nothing more, lets running requests finish within the grace, then closes."""
        if self._server is not None:
            if self._ticker is not None:
                self._ticker.cancel()
            # Whole seconds, and never more: what follows the requests needs the rest.
            self._server.config.timeout_graceful_shutdown = max(1, int(grace))
            await self._server.shutdown(sockets=self._sockets)
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        await self._lifespan.shutdown()

    async def _tick(self) -> None:
        # uvicorn's own main loop wakes ten times a second and watches for signals; all it is
        # needed for here is the clock of the Date header.
        while True:
            await asyncio.sleep(1)
            await self._server.on_tick(0)


async def load_http_server(entry: str, package_root: str) -> Any:
    """The target of `http_server`: an ASGI application or a mapping of handlers, itself or what a
    function returns."""
    surface = "http_server"
    found = load_object(entry, "app", surface, package_root)
    app = _servable(found)
    if app is None and callable(found) and not is_wsgi_app(found):
        found = await call_agent(found, (), {}, f"calling '{entry}' for {surface}", package_root)
        app = _servable(found)
    if app is None and is_wsgi_app(found):
        raise LoadError(
            HANDLER_ERROR,
            f"'{entry}', which {surface} names, is a WSGI application "
            f"({type(found).__module__}.{type(found).__qualname__}); only ASGI is served",
            [f"{surface}: {entry}"],
            "Wrap it: `app = a2wsgi.WSGIMiddleware(app)`, with a2wsgi in requirements.txt; or "
            "serve an ASGI application (FastAPI, Starlette, Quart).",
        )
    if app is None:
        raise LoadError(
            HANDLER_ERROR,
            f"'{entry}', which {surface} names, is a {type(found).__name__}: neither an ASGI "
            "application, nor an object with one as .app, nor a function that returns one",
            [f"{surface}: {entry}"],
        )
    return app


def _servable(candidate: Any) -> Any:
    return candidate if isinstance(candidate, Mapping) else _as_asgi(candidate)


def _as_asgi(candidate: Any) -> Any:
    if is_asgi_app(candidate):
        return candidate
    inner = getattr(candidate, "app", None)
    if is_asgi_app(inner):
        return inner
    if inspect.ismethod(inner) and not inspect.signature(inner).parameters:
        made = inner()
        return made if is_asgi_app(made) else None
    return None
