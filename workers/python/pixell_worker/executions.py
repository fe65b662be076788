"""Runs calls of plain A2A handlers, many at the same time, and answers each once."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import sys
import traceback
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

from .a2a import Handler
from .frames import FrameError
from .limits import MAX_EXECUTIONS, MAX_HANDLER_THREADS

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Executions:
    """The running calls, by the id their caller gave them."""

    def __init__(self, handlers: dict[str, Handler], send: Send) -> None:
        self._handlers = handlers
        self._send = send
        self._running: dict[str, asyncio.Task[None]] = {}
        self._threads = ThreadPoolExecutor(MAX_HANDLER_THREADS, "a2a-handler")

    async def execute(self, header: dict[str, Any]) -> None:
        """Starts the call of an `execute` frame; its answer is sent when it ends."""
        x, action = str(header.get("x", "")), header.get("action")
        handler = self._handlers.get(action) if isinstance(action, str) else None
        if handler is None:
            await self._error(x, "not_found", f"No handler found for action: {action}")
            return
        if x in self._running:
            await self._error(x, "failed", f"execution {x} is already running")
            return
        if len(self._running) >= MAX_EXECUTIONS:
            await self._error(x, "failed", f"more than {MAX_EXECUTIONS} calls are running")
            return
        task = asyncio.ensure_future(self._run(x, handler, header))
        self._running[x] = task
        task.add_done_callback(lambda _: self._running.pop(x, None))

    def cancel(self, x: str) -> None:
        """Cancels one call; unknown ids are of calls that have just ended."""
        task = self._running.get(x)
        if task is not None:
            task.cancel()

    async def drain(self, grace: float) -> None:
        """Waits for what runs, then cancels the rest and lets it answer."""
        if self._running:
            await asyncio.wait(set(self._running.values()), timeout=grace)
        for task in list(self._running.values()):
            task.cancel()
        if self._running:
            await asyncio.wait(set(self._running.values()), timeout=1)
        self._threads.shutdown(wait=False)

    async def _run(self, x: str, handler: Handler, header: dict[str, Any]) -> None:
        parameters = header.get("parameters")
        if not isinstance(parameters, dict):
            parameters = {}
        limit_ms = header.get("deadline_ms")
        limit = limit_ms / 1000 if isinstance(limit_ms, (int, float)) and limit_ms > 0 else None
        try:
            result = await asyncio.wait_for(self._call(handler, parameters), limit)
        except asyncio.CancelledError:
            await self._error(x, "cancelled", "the call was cancelled")
        except asyncio.TimeoutError as error:
            # Python 3.11 made this the built-in TimeoutError, which a handler may raise itself.
            text = str(error) or f"no answer within {limit_ms} ms"
            await self._error(x, "failed", text)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            await self._error(x, "failed", str(error) or type(error).__name__)
        else:
            await self._done(x, result)

    async def _call(self, handler: Handler, parameters: dict[str, Any]) -> Any:
        try:
            if _is_coroutine_function(handler):
                return await handler(parameters)
            context = contextvars.copy_context()
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(self._threads, context.run, handler, parameters)
            return await result if inspect.isawaitable(result) else result
        except SystemExit as error:
            # It would end the event loop, and with it every other call.
            raise RuntimeError(f"the handler called exit({error.code})") from error

    async def _done(self, x: str, result: Any) -> None:
        try:
            await self._send({"t": "done", "x": x, "result": result})
        except FrameError as error:
            await self._error(x, "failed", f"the result is too large: {error}")

    async def _error(self, x: str, code: str, message: str) -> None:
        await self._send({"t": "error", "x": x, "code": code, "message": message[:65536]})


def _is_coroutine_function(handler: Handler) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(handler, "__call__", None)  # noqa: B004 - an object with async __call__
    )
