"""A2A actions of the example, as an object with `custom_handlers`."""

from arithmetic import calculate


async def process_data(parameters):
    """Upper-cases `data`."""
    return {"processed": str(parameters.get("data", "")).upper()}


async def get_status(parameters):
    """A fixed text."""
    return "running"


def calculate_action(parameters):
    """A plain function is a handler too."""
    a, b = float(parameters["a"]), float(parameters["b"])
    return calculate(parameters.get("operation", "add"), a, b)


class ExampleService:
    """What `create_grpc_server` returns in many agents: only its handlers matter."""

    def __init__(self):
        self.custom_handlers = {
            "process_data": process_data,
            "get_status": get_status,
            "calculate": calculate_action,
        }


def create_grpc_server():
    """The manifest's a2a.service."""
    return ExampleService()
