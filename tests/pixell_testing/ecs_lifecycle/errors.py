"""Errors of ECS's actions."""

from __future__ import annotations


class Refused(Exception):
    """An action is refused: AWS's name of the error, and its words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def invalid(message: str) -> Refused:
    """InvalidParameterException."""
    return Refused("InvalidParameterException", message)


def client(message: str) -> Refused:
    """ClientException."""
    return Refused("ClientException", message)
