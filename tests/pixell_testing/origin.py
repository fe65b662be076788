"""The server behind the programs under test: answers as it is told, and keeps every byte."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

HEAD_LIMIT = 256 * 1024
BACKLOG = 4096
STOP_DEADLINE_S = 20


class Request:
    """One request head, the connection it came on, and what may be read and answered there."""

    def __init__(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.head = head
        line, *fields = head.decode("latin-1").split("\r\n")[:-2]
        self.method, self.target, _ = line.split(" ")
        pairs = [field.partition(":") for field in fields]
        self.fields = [(name.lower(), value.strip()) for name, _, value in pairs]
        self.trailers: list[bytes] = []
        self.reader = reader
        self.writer = writer

    def field(self, name: str) -> str | None:
        """The first field of that name."""
        return next((value for given, value in self.fields if given == name), None)

    async def body(self) -> bytes:
        """The whole body; trailer lines are kept in `trailers`."""
        length = self.field("content-length")
        if length is not None:
            return await self.reader.readexactly(int(length))
        if self.field("transfer-encoding") is None:
            return b""
        parts = []
        while size := int((await self.reader.readline()).split(b";")[0], 16):
            parts.append(await self.reader.readexactly(size))
            await self.reader.readexactly(2)
        while line := (await self.reader.readline()).strip():
            self.trailers.append(line)
        return b"".join(parts)

    async def send(self, data: bytes) -> None:
        """Writes, and waits while the peer does not read."""
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, body: bytes, status: str = "200 OK", fields: str = "") -> None:
        """A whole answer; `fields` are lines that end in CR LF."""
        head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{fields}\r\n"
        await self.send(head.encode() + body)


Handler = Callable[[Request], Awaitable[None]]


async def hello(request: Request) -> None:
    """Reads what came and says how much it was."""
    body = await request.body()
    await request.reply(f"{request.method} {len(body)}".encode())


class Origin:
    """An HTTP/1.1 server on a Unix socket, in a thread of its own, that checks nothing."""

    def __init__(self, path: Path) -> None:
        self.address = f"unix:{path}"
        self.path = path
        # What came on each connection, in the order in which they were made.
        self.received: list[bytearray] = []
        self.answers: dict[str, Handler] = {}
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task] = set()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(STOP_DEADLINE_S)

    def __enter__(self) -> Origin:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(STOP_DEADLINE_S)

    def on(self, path: str, handler: Handler) -> None:
        """What answers the requests whose path, behind the agent's, is this."""
        self.answers[path] = handler

    def call(self, function: Callable[[], object]) -> None:
        """Calls it in the thread of the handlers."""
        self._loop.call_soon_threadsafe(function)

    def bytes_of(self, mark: bytes) -> bytes:
        """What came from `mark` on, on the connections where it came."""
        return b"".join(bytes(each[each.index(mark) :]) for each in self.received if mark in each)

    # ------------------------------------------------------------------------------- the loop

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)

        async def serve() -> None:
            await asyncio.start_unix_server(
                self._connected, self.path, limit=HEAD_LIMIT, backlog=BACKLOG
            )
            started.set()

        self._loop.run_until_complete(serve())
        self._loop.run_forever()

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._loop.call_soon(self._loop.stop)

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        kept = bytearray()
        self.received.append(kept)
        feed = reader.feed_data

        def keep(data: bytes) -> None:
            kept.extend(data[: HEAD_LIMIT - len(kept)])
            feed(data)

        reader.feed_data = keep
        # Whoever is connected may leave at any time; that is what many tests are about.
        with contextlib.suppress(
            ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ValueError
        ):
            while True:
                request = Request(await reader.readuntil(b"\r\n\r\n"), reader, writer)
                await self._handler(request)(request)
        writer.close()

    def _handler(self, request: Request) -> Handler:
        path = request.target.partition("?")[0]
        rest = "/" + path.partition("/agents/")[2].partition("/")[2]
        return self.answers.get(rest, self.answers.get(path, hello))
