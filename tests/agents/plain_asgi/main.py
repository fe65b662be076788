"""An ASGI application of the bare protocol, so that it starts at once: REST, events, JSON-RPC and
WebSockets."""

import asyncio
import itertools
import json
import os
import urllib.parse

from settings import DELAY_MS, FAIL_EVERY, VERSION

NUMBERS = itertools.count(1)
JSON = "application/json"
LOG_LINE = "x" * 1023


async def app(scope, receive, send):
    """One request, or one WebSocket."""
    if scope["type"] == "websocket":
        await echo(receive, send)
    elif scope["type"] == "http":
        query = dict(urllib.parse.parse_qsl(scope["query_string"].decode()))
        if scope["path"] == "/api/events":
            await events(send, int(query["count"]), float(query["pause_s"]))
        elif scope["path"] == "/api/log":
            for _ in range(int(query["kib"])):
                print(LOG_LINE)
            await answer(send, 200, {"version": VERSION})
        elif scope["method"] == "POST":
            call = json.loads((await receive())["body"])
            await answer(send, 200, {"jsonrpc": "2.0", "id": call["id"], "result": VERSION})
        elif scope["path"] == "/api/version":
            await version(send, float(query.get("delay_ms", "0")))
        else:
            await answer(send, 404, {"detail": "Not Found"})


async def version(send, delay_ms):
    """Which version this is."""
    is_failing = FAIL_EVERY > 0 and next(NUMBERS) % FAIL_EVERY == 0
    await asyncio.sleep((delay_ms + DELAY_MS) / 1000)
    status = 500 if is_failing else 200
    await answer(send, status, {"version": VERSION, "pid": os.getpid()})


async def answer(send, status, body):
    """A whole answer."""
    headers = [(b"content-type", JSON.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


async def events(send, count, pause_s):
    """Server-sent events, the last one says so."""
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(count):
        event = f"data: {number}\n\n".encode()
        await send({"type": "http.response.body", "body": event, "more_body": True})
        await asyncio.sleep(pause_s)
    await send({"type": "http.response.body", "body": b"data: end\n\n"})


async def echo(receive, send):
    """Sends back what comes."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message.get("text") or ""})
