"""The REST surface: a real FastAPI application that `rest.entry` fills."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .asgi import is_asgi_app
from .failures import HANDLER_ERROR, HANDLER_MISSING, MISSING_MODULE, LoadError
from .loader import call_agent, can_call, load_callable, split_entry

_SURFACE = "rest.entry"
_A2A_POST = ("/", "/a2a", "/stream", "/a2a/stream", "/respond", "/a2a/respond", "/invoke")
_A2A_GET = ("/.well-known/agent.json", "/a2a/.well-known/agent.json")
_A2A_PATHS = {"POST": _A2A_POST, "GET": _A2A_GET}


async def build_rest_app(entry: str, entrypoint: str, agent: str, package_root: str) -> Any:
    """The application with the agent's routes; LoadError says why there is none."""
    fastapi = _import_fastapi()
    app = fastapi.FastAPI(title=agent)
    routes_before = len(app.router.routes)
    mount = _find_mount(entry, entrypoint, package_root)
    if isinstance(mount, (fastapi.FastAPI, fastapi.APIRouter)):
        result = mount
    else:
        args, kwargs = _arguments_for(mount, app, entry)
        doing = f"calling '{entry}' for {_SURFACE}"
        result = await call_agent(mount, args, kwargs, doing, package_root)
    if result is None or result is app:
        return app
    if isinstance(result, fastapi.APIRouter):
        app.include_router(result)
        return app
    if isinstance(result, fastapi.FastAPI):
        if len(app.router.routes) == routes_before:
            # Its middleware and exception handlers count too, so it is served as it is.
            return result
        app.include_router(result.router)
        return app
    if is_asgi_app(result):
        app.mount("/", result)
    return app


def rest_claims(app: Any) -> list[str]:
    """The paths of par's A2A surface that the application itself has as routes, word by word.

    A route with parameters that would match too is no claim: it was not made for these paths.
    """
    claims = []
    for path, methods in _routes_of(getattr(app, "router", None), ""):
        claims += [f"{name} {path}" for name in methods if path in _A2A_PATHS.get(name, ())]
    return claims


def _routes_of(router: Any, prefix: str) -> Iterator[tuple[str, list[str]]]:
    for route in getattr(router, "routes", ()):
        included = getattr(route, "original_router", None)
        if included is not None:
            # Newer FastAPI keeps a router that was included as one route.
            inner = getattr(getattr(route, "include_context", None), "prefix", "")
            yield from _routes_of(included, prefix + inner)
            continue
        path = (prefix + (getattr(route, "path", None) or "")).rstrip("/") or "/"
        yield path, sorted(getattr(route, "methods", None) or ())


def _import_fastapi() -> Any:
    try:
        import fastapi
    except ImportError as error:
        raise LoadError(
            MISSING_MODULE,
            f"{_SURFACE} needs fastapi, which the agent's environment does not have",
            [str(error)],
        ) from error
    return fastapi


def _find_mount(entry: str, entrypoint: str, package_root: str) -> Any:
    """The function of the entry; a bare name is a module with `mount`, or a function in the
    module of the manifest's entrypoint."""
    if ":" in entry or not entrypoint:
        return load_callable(entry, "mount", _SURFACE, package_root)
    try:
        return load_callable(entry, "mount", _SURFACE, package_root)
    except LoadError as error:
        module_is_absent = error.cause == MISSING_MODULE and f"'{entry}'" in error.message
        # A module of that name, but without `mount`, may be anybody's: `routes`, `site`, `test`.
        if not module_is_absent and error.cause != HANDLER_MISSING:
            raise
    module, _ = split_entry(entrypoint, "")
    return load_callable(f"{module}:{entry}", "mount", _SURFACE, package_root)


def _arguments_for(mount: Any, app: Any, entry: str) -> tuple[tuple, dict]:
    """How to call the function: f(app), f(app=app) or f(), whichever its signature takes."""
    # The signature decides, not a TypeError: that could come from inside the function.
    if can_call(mount, app):
        return (app,), {}
    if can_call(mount, app=app):
        return (), {"app": app}
    if can_call(mount):
        return (), {}
    raise LoadError(
        HANDLER_ERROR,
        f"'{entry}', which {_SURFACE} names, cannot be called: it takes neither the "
        "application, nor app=, nor nothing",
        [f"{_SURFACE}: {entry}"],
    )
