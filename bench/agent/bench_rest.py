"""A route that answers 200 bytes."""

from fastapi import FastAPI, Response

BODY = b"x" * 200


def mount(app: FastAPI) -> None:
    """Adds the measured route."""

    @app.get("/api/bench")
    async def bench() -> Response:
        return Response(BODY, media_type="text/plain")
