"""Who may include whom in src/: the table that `lint.py layers` enforces."""

# A room may include itself and what its row names: a whole room ("net"), a folder of one
# ("net/client") or single headers ("engine/engine.hpp"). Everything else is an error.
ALLOWED: dict[str, tuple[str, ...]] = {
    "base": (),
    "model": ("base",),
    "net": ("base",),
    "aws": ("base", "net"),
    "apkg": ("base", "model", "net", "aws/sigv4.hpp", "aws/credentials.hpp", "aws/s3.hpp"),
    "par": ("base", "model", "net", "apkg/manifest.hpp"),
    "store": ("base", "model"),
    "engine": ("base", "model", "net", "aws"),
    "reconcile": (
        "base", "model", "store/store.hpp", "engine/engine.hpp", "engine/instance_spec.hpp",
        "engine/scaler.hpp",
    ),
    "edge": ("base", "model", "net"),
    "api": ("base", "model", "net", "store/store.hpp", "apkg"),
    "cmd": (
        "base", "model", "net", "aws", "apkg", "par", "store", "engine", "reconcile", "edge", "api",
    ),
}  # fmt: skip

# A folder that is a program of its own has a row of its own; the longest prefix counts.
ALLOWED_IN_FOLDER: dict[str, tuple[str, ...]] = {
    "par/prepare": (
        "base", "model", "apkg", "net/client", "par/limits.hpp",
        "aws/sigv4.hpp", "aws/credentials.hpp", "aws/s3.hpp",
    ),
    "par/telemetry": ("base", "net/client"),
    "net/tls": ("base", "net"),
}  # fmt: skip

# Taken away again from what a row allows: these link libraries that the room must not have (its
# tests may).
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "par": ("net/client", "net/tls", "par/prepare", "par/telemetry"),
    "edge": ("net/client", "net/tls"),
    "net": ("aws/ecs", "net/tls"),
    "apkg": ("aws/ecs", "net/tls"),
    "engine": ("net/tls",),
    "api": ("net/tls",),
}

# Tests may also use these: real backends instead of fakes of an interface.
ALLOWED_IN_TESTS: dict[str, tuple[str, ...]] = {
    "reconcile": ("store", "engine"),
    "api": ("store",),
}

# Libraries that exactly one room knows, by the beginning of the header's name.
OWNED_HEADERS: dict[str, tuple[str, ...]] = {
    "nghttp2/": ("net",),
    "openssl/ssl": ("net/tls",),
    "curl/": ("net/client", "aws"),
    "sqlite3": ("store",),
    "libpq": ("store",),
    "zip.h": ("apkg",),
    "yaml-cpp/": ("apkg",),
    "seccomp": ("base", "par", "engine"),
    "CLI/": ("cmd",),
}

# Headers made by the build, by the beginning of their name.
GENERATED: dict[str, tuple[str, ...]] = {"pixell/": ("par", "net", "model")}


def is_below(path: str, prefix: str) -> bool:
    """Whether `path` is the folder or file `prefix`, or below it."""
    return path == prefix or path.startswith(prefix + "/")


def room_of(path: str) -> str:
    """The row of the table that a file (relative to src/) belongs to."""
    for folder in ALLOWED_IN_FOLDER:
        if is_below(path, folder):
            return folder
    return path.partition("/")[0]


def why_not_include(path: str, header: str, *, is_test: bool) -> str | None:
    """Why the file `path` may not include "header"; None when it may. Both relative to src/."""
    for prefix, owners in GENERATED.items():
        if header.startswith(prefix):
            is_owner = any(is_below(path, owner) for owner in owners)
            return None if is_owner else f"only {' and '.join(owners)} may include {prefix}…"
    if "/" not in header or header.startswith("."):
        return f'"{header}" does not name its room'
    target = header.partition("/")[0]
    if target not in ALLOWED:
        return f"there is no room {target}"
    row = room_of(path)
    top = path.partition("/")[0]
    for owner, forbidden in FORBIDDEN.items():
        meets = row == owner and any(is_below(header, prefix) for prefix in forbidden)
        if meets and not is_test:
            return f"{owner} must not meet {header}"
    if is_below(header, row) or (row == top and target == top):
        return None
    allowed = ALLOWED_IN_FOLDER.get(row) or ALLOWED.get(row, ())
    if is_test:
        for folder, more in ALLOWED_IN_TESTS.items():
            allowed = allowed + more if is_below(path, folder) else allowed
    if any(is_below(header, prefix) for prefix in allowed):
        return None
    return f"{row} may include {', '.join(allowed) or 'nothing'}; not {header}"


def why_not_system_include(path: str, header: str) -> str | None:
    """Why the file `path` may not include <header>; None when it may."""
    for prefix, owners in OWNED_HEADERS.items():
        if header.startswith(prefix) and not any(is_below(path, owner) for owner in owners):
            return f"<{header}> belongs to {' and '.join(owners)}"
    return None
