"""Fails when the application starts."""


def mount(app):
    """Adds a start handler that raises."""

    @app.on_event("startup")
    async def start():
        raise RuntimeError("the database is away")
