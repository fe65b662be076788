"""What both surfaces can calculate."""

import operator

OPERATIONS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
}


def calculate(operation: str, a: float, b: float) -> float:
    """The result; ValueError says what is wrong with the request."""
    if operation not in OPERATIONS:
        raise ValueError(f"Unknown operation: {operation}")
    if operation == "divide" and b == 0:
        raise ValueError("Division by zero")
    return OPERATIONS[operation](a, b)
