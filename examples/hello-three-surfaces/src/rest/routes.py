"""The REST surface: `mount` gets a FastAPI application and adds its routes."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import FastAPI, HTTPException, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from src.text import greet, process


class ProcessRequest(BaseModel):
    """The body of POST /api/process."""

    data: str


class EchoRequest(BaseModel):
    """The body of POST /api/echo, and its answer."""

    text: str


def mount(app: FastAPI) -> None:
    """Adds the routes; by convention all of them are below /api."""

    @app.get("/api/hello")
    async def hello(name: str = "world") -> dict[str, str]:
        return {"message": greet(name)}

    @app.post("/api/process")
    async def process_text(request: ProcessRequest) -> dict:
        if not request.data.strip():
            raise HTTPException(status_code=400, detail="data is empty")
        return process(request.data)

    @app.post("/api/echo")
    async def echo(request: EchoRequest) -> EchoRequest:
        return request

    @app.get("/api/stream")
    async def stream(count: int = 5, delay_ms: int = 200) -> StreamingResponse:
        if not 1 <= count <= 1000 or not 0 <= delay_ms <= 10_000:
            raise HTTPException(status_code=400, detail="count is 1..1000, delay_ms 0..10000")

        async def lines() -> AsyncIterator[str]:
            for number in range(1, count + 1):
                yield f"data: {number} of {count}\n\n"
                await asyncio.sleep(delay_ms / 1000)

        return StreamingResponse(lines(), media_type="text/event-stream")

    @app.websocket("/api/ws")
    async def greet_each(socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                await socket.send_text(greet(await socket.receive_text()))
        except WebSocketDisconnect:
            return
