"""Finds the objects that a manifest names as `module:function`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from typing import Any

from .failures import HANDLER_MISSING, MISSING_MODULE, LoadError, from_exception
from .limits import MAX_SHOWN_NAMES


def split_entry(entry: str, default_function: str) -> tuple[str, str]:
    """`module:function` in two parts; without a colon the function is the default one."""
    module, colon, function = entry.partition(":")
    return module.strip(), function.strip() if colon and function.strip() else default_function


def packed_name(module: str, surface: str, package_root: str) -> str:
    """The name under which the module of an entry lies in the package.

    The builders pack few folders, but always the file an entry names: `pixell-sdk` at the root,
    `pixell-kit` in dist/rest or dist/a2a. So when its own folder is not there, that copy is meant.
    """
    top, _, _ = module.partition(".")
    name = module.rpartition(".")[2]
    if not name.isidentifier() or _can_find(top):
        return module
    for folder in ("", f"dist/{surface.partition('.')[0]}"):
        place = os.path.join(package_root, folder) if folder else package_root
        if os.path.isfile(os.path.join(place, f"{name}.py")):
            if place not in sys.path:
                sys.path.append(place)
            return name
    return module


def _can_find(top: str) -> bool:
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def import_agent_module(module: str, surface: str, package_root: str) -> Any:
    """The module; LoadError with the precise cause when it cannot be imported."""
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and _is_part_of(error.name, module):
            raise _not_in_the_package(error.name, module, surface, package_root) from error
        doing = f"importing '{module}' for {surface}"
        raise from_exception(error, doing, package_root) from error


def load_object(entry: str, default_function: str, surface: str, package_root: str) -> Any:
    """The object named by an entry; a function may be dotted (`Class.method`)."""
    module_name, function = split_entry(entry, default_function)
    module_name = packed_name(module_name, surface, package_root)
    found = import_agent_module(module_name, surface, package_root)
    for part in function.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise LoadError(
                HANDLER_MISSING,
                f"module '{module_name}' has no '{function}', which {surface} names",
                [
                    f"{surface}: {entry}",
                    f"file: {_file_of(module_name)}",
                    f"it defines: {_functions_of(module_name)}",
                ],
            ) from None
    return found


def load_callable(entry: str, default_function: str, surface: str, package_root: str) -> Any:
    """Like load_object, and the object can be called."""
    found = load_object(entry, default_function, surface, package_root)
    if not callable(found):
        raise LoadError(
            HANDLER_MISSING,
            f"'{entry}', which {surface} names, is a {type(found).__name__}, not a function",
            [f"{surface}: {entry}"],
        )
    return found


async def call_agent(
    function: Any, args: tuple, kwargs: dict, doing: str, package_root: str
) -> Any:
    """Calls a function of the agent and awaits what it returns if that can be awaited."""
    try:
        result = function(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result
    except (Exception, SystemExit) as error:
        raise from_exception(error, doing, package_root) from error


def can_call(function: Any, *args: Any, **kwargs: Any) -> bool:
    """True when the signature takes these arguments; a signature nobody can read takes any."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _is_part_of(missing: str | None, module: str) -> bool:
    """True when it is the named module itself that is not there, or a folder on the way to it."""
    return missing is not None and f"{module}.".startswith(f"{missing}.")


def _not_in_the_package(missing: str, module: str, surface: str, package_root: str) -> LoadError:
    folder = os.path.join(package_root, *missing.split(".")[:-1])
    if not os.path.isdir(folder):  # its parent was found elsewhere
        folder = package_root
    shown = [
        name for name in sorted(os.listdir(folder)) if not name.startswith(("__pycache__", "."))
    ]
    place = os.path.relpath(folder, package_root)
    return LoadError(
        MISSING_MODULE,
        f"importing '{module}' for {surface}: there is no module named '{missing}'",
        [
            f"{surface} names the module '{module}'",
            f"{'the package' if place == '.' else place} has: {', '.join(shown[:MAX_SHOWN_NAMES])}",
        ],
        "Put the module into the package, or correct its name in agent.yaml.",
    )


def _functions_of(module_name: str) -> str:
    """The names an entry could mean: what the module itself defines and can be called."""
    found = vars(importlib.import_module(module_name)).items()
    names = [
        name
        for name, value in found
        if callable(value)
        and not name.startswith("_")
        and getattr(value, "__module__", "") == module_name
    ]
    return ", ".join(names[:MAX_SHOWN_NAMES]) or "nothing that can be called"


def _file_of(module_name: str) -> str:
    module = importlib.import_module(module_name)
    return getattr(module, "__file__", None) or "(a folder without __init__.py)"
