"""The attacker's REST surface: each attack is asked for by name and says how far it got."""

import asyncio
import os

import attacks
from fastapi import Request


def mount(app):
    """The manifest's rest.entry."""

    @app.get("/api/self")
    def self_portrait():
        with open("/proc/self/status", encoding="ascii") as status:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
        return {"pid": os.getpid(), "parent": os.getppid(), "uid": os.getuid(), "status": fields}

    @app.get("/api/slow")
    async def slow():
        await asyncio.sleep(1)

    @app.post("/api/attack/{name}")
    async def attack(name: str, request: Request):
        return getattr(attacks, name)(**await request.json())
