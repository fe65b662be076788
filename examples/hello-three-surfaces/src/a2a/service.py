"""The A2A surface: actions by name, called as `pixell.agent.AgentService/Invoke`."""

from typing import Any

from src.text import greet, process


async def greet_by_name(parameters: dict[str, Any]) -> str:
    """Greets `name`."""
    return greet(str(parameters.get("name", "world")))


async def process_data(parameters: dict[str, Any]) -> dict[str, Any]:
    """Processes `data`; an error that is raised becomes the error of the result."""
    text = str(parameters.get("data", ""))
    if not text:
        raise ValueError("the parameter 'data' is missing")
    return process(text)


def create_service() -> dict[str, Any]:
    """The actions of this agent."""
    return {"custom_handlers": {"greet": greet_by_name, "process_data": process_data}}
