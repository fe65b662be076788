"""The A2A surface: what `a2a.service` returned, and what that means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .loader import call_agent, load_callable

_SURFACE = "a2a.service"
Handler = Callable[[dict], Any]


@dataclass
class A2aService:
    """How Invoke is answered: by `handlers`, by a full `servicer`, or by nobody (`default`).

    `streaming` handlers answer calls over HTTP with events.
    """

    kind: str
    handlers: dict[str, Handler] = field(default_factory=dict)
    streaming: dict[str, Handler] = field(default_factory=dict)
    servicer: Any = None
    warnings: list[str] = field(default_factory=list)


async def load_a2a(entry: str, package_root: str) -> A2aService:
    """Calls the manifest's function; an empty entry means the default service."""
    if not entry:
        return A2aService("default")
    function = load_callable(entry, "create_service", _SURFACE, package_root)
    doing = f"calling '{entry}' for {_SURFACE}"
    return classify(await call_agent(function, (), {}, doing, package_root), entry)


def classify(returned: Any, entry: str) -> A2aService:
    """What the returned object is, in the order servicer, dict, attribute, default."""
    if _is_servicer(returned):
        # Handlers that it has too are called over HTTP; gRPC is all its own.
        service = handlers_of(returned) or A2aService("servicer")
        service.kind, service.servicer = "servicer", returned
        return service
    handlers = handlers_of(returned)
    if handlers is not None:
        return handlers
    what = "None" if returned is None else f"a {type(returned).__name__}"
    warning = (
        f"'{entry}', which {_SURFACE} names, returned {what}: neither a servicer nor "
        "custom_handlers, so the default service without actions is served"
    )
    return A2aService("default", warnings=[warning])


def handlers_of(returned: Any) -> A2aService | None:
    """The service for a dict with, or an object having, `custom_handlers` or
    `streaming_handlers`; else None."""
    given = [_member(returned, name) for name in ("custom_handlers", "streaming_handlers")]
    if not any(isinstance(named, Mapping) for named in given):
        return None
    service = A2aService("handlers")
    for named, handlers in zip(given, (service.handlers, service.streaming)):
        if not isinstance(named, Mapping):
            continue
        for name, handler in named.items():
            if callable(handler):
                handlers[str(name)] = handler
            else:
                service.warnings.append(
                    f"the handler of action '{name}' is a {type(handler).__name__}, "
                    "not a function; left out"
                )
    return service


def _member(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, Mapping) else getattr(holder, name, None)


def _is_servicer(candidate: Any) -> bool:
    if isinstance(candidate, Mapping) or candidate is None:
        return False
    if any(base.__name__ == "AgentServiceServicer" for base in type(candidate).__mro__):
        return True
    return all(callable(getattr(candidate, name, None)) for name in ("Health", "Invoke"))
