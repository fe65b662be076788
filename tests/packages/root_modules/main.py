"""The entrypoint of the manifest; no surface calls it."""


def handler(request: dict) -> dict:
    """Gives its input back."""
    return {"echo": request}
