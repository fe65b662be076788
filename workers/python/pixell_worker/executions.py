"""Runs calls of the agent's functions, many at the same time, and answers each once."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

from .a2a import A2aService, Handler
from .entrypoint import Entrypoint
from .failures import LoadError
from .frames import FrameError, dump_json
from .limits import EVENT_CREDIT, MAX_EVENT_BYTES, MAX_EXECUTIONS, MAX_HANDLER_THREADS
from .trace import trace_of

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Executions:
    """The running calls, by the id their caller gave them."""

    def __init__(self, service: A2aService, entrypoint: Entrypoint, send: Send) -> None:
        self._service = service
        self._entrypoint = entrypoint
        self._send = send
        self._running: dict[str, asyncio.Task[None]] = {}
        self._credit: dict[str, asyncio.Semaphore] = {}
        self._threads = ThreadPoolExecutor(MAX_HANDLER_THREADS, "a2a-handler")

    async def execute(self, header: dict[str, Any]) -> None:
        """Starts the call of an `execute` frame; its answer is sent when it ends."""
        x, action = str(header.get("x", "")), header.get("action")
        try:
            handler = self._function_for(header.get("target"), action)
        except LoadError as error:
            await self._error(x, "failed", error.message)
            return
        if handler is None:
            await self._error(x, "not_found", f"No handler found for action: {action}")
            return
        if x in self._running:
            await self._error(x, "failed", f"execution {x} is already running")
            return
        if len(self._running) >= MAX_EXECUTIONS:
            await self._error(x, "failed", f"more than {MAX_EXECUTIONS} calls are running")
            return
        self._credit[x] = asyncio.Semaphore(EVENT_CREDIT)
        task = asyncio.ensure_future(self._run(x, handler, header))
        self._running[x] = task
        task.add_done_callback(lambda _: self._forget(x))

    def cancel(self, x: str) -> None:
        """Cancels one call; unknown ids are of calls that have just ended."""
        task = self._running.get(x)
        if task is not None:
            task.cancel()

    def credit(self, x: str, count: int) -> None:
        """Lets a streaming call send that many events more."""
        semaphore = self._credit.get(x)
        for _ in range(min(count, EVENT_CREDIT) if semaphore is not None else 0):
            semaphore.release()

    async def drain(self, grace: float) -> None:
        """Waits for what runs, then cancels the rest and lets it answer."""
        if self._running:
            await asyncio.wait(set(self._running.values()), timeout=grace)
        for task in list(self._running.values()):
            task.cancel()
        if self._running:
            await asyncio.wait(set(self._running.values()), timeout=1)
        self._threads.shutdown(wait=False)

    def _function_for(self, target: Any, action: Any) -> Handler | None:
        if target == "entrypoint":
            return self._entrypoint.function() if self._entrypoint else None
        named = self._service.streaming if target == "stream" else self._service.handlers
        return named.get(action) if isinstance(action, str) else None

    def _forget(self, x: str) -> None:
        self._running.pop(x, None)
        self._credit.pop(x, None)

    async def _run(self, x: str, handler: Handler, header: dict[str, Any]) -> None:
        parameters = header.get("parameters")
        if not isinstance(parameters, dict):
            parameters = {}
        limit_ms = header.get("deadline_ms")
        limit = limit_ms / 1000 if isinstance(limit_ms, (int, float)) and limit_ms > 0 else None
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            with trace_of(header):
                call = self._call(x, handler, parameters, header.get("target") == "stream")
                result = await asyncio.wait_for(call, limit)
        except asyncio.CancelledError:
            await self._error(x, "cancelled", "the call was cancelled")
        except Exception as error:
            # Since Python 3.11 asyncio's TimeoutError is the one that a handler may raise itself.
            is_timeout = isinstance(error, asyncio.TimeoutError)
            if is_timeout and limit is not None and clock() - began >= limit:
                text = f"no answer within {limit_ms} ms"
                return await self._error(x, "deadline_exceeded", text)
            traceback.print_exc(file=sys.stderr)
            await self._error(x, "failed", _text_of(error))
        else:
            await self._done(x, result)

    async def _call(
        self, x: str, handler: Handler, parameters: dict[str, Any], is_stream: bool
    ) -> Any:
        try:
            if _is_coroutine_function(handler):
                result = await handler(parameters)
            elif inspect.isasyncgenfunction(handler):
                result = handler(parameters)
            else:
                result = await self._in_thread(handler, parameters)
                result = await result if inspect.isawaitable(result) else result
            if is_stream and isinstance(result, AsyncIterator):
                return await self._send_events(x, result)
            if is_stream and isinstance(result, Iterator):
                return await self._send_events(x, self._from_thread(result))
            return result
        except SystemExit as error:
            # It would end the event loop, and with it every other call; so would the next.
            raise RuntimeError(f"the handler called exit({error.code})") from error
        except KeyboardInterrupt as error:
            raise RuntimeError("the handler raised KeyboardInterrupt") from error

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, context.run, function, *arguments)

    async def _from_thread(self, events: Iterator[Any]) -> AsyncIterator[Any]:
        end = object()
        while (event := await self._in_thread(next, events, end)) is not end:
            yield event

    async def _send_events(self, x: str, events: AsyncIterator[Any]) -> None:
        close = getattr(events, "aclose", None)
        async with contextlib.AsyncExitStack() as stack:
            if close is not None:
                # A call that is cancelled must not leave the generator to the garbage collector.
                stack.push_async_callback(close)
            async for event in events:
                if len(dump_json(event)) > MAX_EVENT_BYTES:
                    raise ValueError(f"an event is over the limit of {MAX_EVENT_BYTES} bytes")
                await self._credit[x].acquire()
                await self._send({"t": "event", "x": x, "event": event})

    async def _done(self, x: str, result: Any) -> None:
        try:
            await self._send({"t": "done", "x": x, "result": result})
        except FrameError as error:
            await self._error(x, "failed", f"the result is too large: {error}")

    async def _error(self, x: str, code: str, message: str) -> None:
        await self._send({"t": "error", "x": x, "code": code, "message": message[:65536]})


def _text_of(error: Exception) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # its own __str__ fails: the call must be answered all the same
        return type(error).__name__


def _is_coroutine_function(handler: Handler) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(handler, "__call__", None)  # noqa: B004 - an object with async __call__
    )
