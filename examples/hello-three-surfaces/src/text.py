"""What the agent can do; both surfaces call it, so they always agree."""

import os
from typing import Any

from slugify import slugify


def greet(name: str) -> str:
    """A greeting in the words of the environment."""
    mark = "!" if os.environ.get("HELLO_EXCITED", "").lower() == "true" else "."
    return f"{os.environ.get('GREETING', 'Hello')}, {name}{mark}"


def process(text: str) -> dict[str, Any]:
    """The text in three other forms."""
    return {
        "original": text,
        "processed": text.upper(),
        "slug": slugify(text),
        "length": len(text),
    }
