"""One agent server, to be named in each of the three ways a manifest may name it."""

import asyncio

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

app = FastAPI()


@app.get("/.well-known/agent.json")
async def card():
    return {"name": "mine", "skills": []}


@app.post("/")
async def rpc(request: Request):
    body = await request.json()
    if body["method"] != "message/stream":
        return {"jsonrpc": "2.0", "id": body["id"], "result": {"sessionId": "s-1"}}

    async def events():
        yield ": " + "-" * 2048 + "\n\n"
        for number in range(3):
            yield f'id: {number}\nevent: content\ndata: {{"n": {number}}}\n\n'
            await asyncio.sleep(0.01)

    return StreamingResponse(events(), media_type="text/event-stream")


@app.post("/respond")
async def respond(request: Request):
    return {"responded": await request.json()}


@app.get("/files/download")
async def download(path: str):
    return {"path": path}


@app.post("/invoke")
async def invoke():
    return {"invoked": "by the server itself"}


class Server:
    """What an SDK's server object looks like."""

    def __init__(self):
        self.app = app


server = Server()


async def chat(parameters):
    return {"handled": parameters}


def make_handlers():
    return {"custom_handlers": {"chat": chat}}


def make_bare_handlers():
    return {"chat": chat}
