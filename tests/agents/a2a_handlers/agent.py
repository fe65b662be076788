"""Handlers that answer at once, with events, never, or not at all."""

import asyncio
import os
import time
from pathlib import Path


def note(name, text="x"):
    """Tells the test something, when it asked by $NOTES."""
    folder = os.environ.get("NOTES")
    if folder:
        Path(folder, name).write_text(text)


async def chat(parameters):
    return {"said": parameters}


def shout(parameters):
    return parameters["message"].upper()


async def fail(parameters):
    raise ValueError("cannot do this")


async def die(parameters):
    os._exit(7)


async def wait(parameters):
    note("waiting")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        note("cancelled")
        raise


async def respond(parameters):
    return {"approved": parameters.get("approved")}


async def story(parameters):
    """Every kind of event."""
    yield {"type": "thinking", "data": {"content": "hm"}}
    yield {"type": "content", "data": {"content": "once "}}
    yield "upon "
    yield {"event": "tool", "data": {"name": "clock"}}


async def half(parameters):
    yield {"type": "content", "data": "one"}
    raise RuntimeError("lost the thread")


async def forever(parameters):
    number = 0
    try:
        while True:
            yield {"type": "content", "data": str(number)}
            number += 1
            await asyncio.sleep(parameters.get("pause", 0.05))
    finally:
        note("closed", str(number))


async def flood(parameters):
    """As much as the reader takes."""
    for number in range(parameters["count"]):
        yield "x" * parameters["bytes"]
        note("sent", str(number + 1))


def counted(parameters):
    """A plain generator."""
    for number in range(3):
        time.sleep(0.01)
        yield str(number)


async def silent_death(parameters):
    yield "about to"
    await asyncio.sleep(0.1)
    os._exit(7)


async def once(parameters):
    """No generator at all."""
    return {"whole": True}


def create_service():
    return {
        "custom_handlers": {
            "chat": chat,
            "shout": shout,
            "fail": fail,
            "die": die,
            "wait": wait,
            "respond": respond,
        },
        "streaming_handlers": {
            "chat": story,
            "half": half,
            "forever": forever,
            "flood": flood,
            "counted": counted,
            "silent_death": silent_death,
            "once": once,
        },
    }


def handle(request):
    """The entrypoint."""
    if request.get("action") == "fail":
        raise KeyError("nothing")
    return {"action": request.get("action"), "got": request.get("data")}
