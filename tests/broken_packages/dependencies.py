"""Requirements that cannot be installed; servers.py has the index they are looked for in."""

from __future__ import annotations

from broken_packages.row import Broken, agent

INDEX = {"PIP_INDEX_URL": "{index}", "PIXELL_SHARE": "{no_base_packages}"}
NO_INDEX = {**INDEX, "PIP_INDEX_URL": "http://127.0.0.1:1/simple", "UV_HTTP_RETRIES": "0"}
WRONG_HASH = "sha256:" + "0" * 64
#: The deadline of an install ends 15 s before that of the boot.
SIX_SECONDS = {**INDEX, "PIP_INDEX_URL": "{slow_index}", "STARTUP_TIMEOUT_SEC": "8"}

ROWS = (
    Broken(
        "missing dependency",
        agent({"requirements.txt": "nobody-has-this\n"}),
        "dependency_not_found",
        "nobody-has-this",
        "requirements.txt",
        env=INDEX,
    ),
    Broken(
        "missing version",
        agent({"requirements.txt": "tiny==9.9\n"}),
        "dependency_not_found",
        "tiny==9.9",
        "requirements.txt",
        env=INDEX,
    ),
    Broken(
        "conflict",
        agent({"requirements.txt": "wants-one\nwants-two\n"}),
        "dependency_conflict",
        "wants-two",
        "Loosen one",
        env=INDEX,
    ),
    Broken(
        "wrong hash",
        agent({"requirements.txt": f"tiny==1.0 --hash={WRONG_HASH}\n"}),
        "dependency_failed",
        WRONG_HASH,
        "hash",
        env=INDEX,
    ),
    Broken(
        "requirement of a repository",
        agent({"requirements.txt": "tool @ git+http://127.0.0.1:1/tool.git\n"}),
        "dependency_failed",
        "http://127.0.0.1:1/tool.git",
        "repository",
        env=INDEX,
    ),
    Broken(
        "requirement that cannot be read",
        agent({"requirements.txt": "tiny\ntiny = 2.0\n"}),
        "dependency_failed",
        "requirements.txt:2",
        "project==1.2",
        True,
        env=INDEX,
    ),
    Broken(
        "included file is not there",
        agent({"requirements.txt": "-r base.txt\n"}),
        "dependency_failed",
        "base.txt",
        "Keep every file",
        True,
        env=INDEX,
    ),
    Broken(
        "folder as a requirement",
        agent({"requirements.txt": "./lib\n", "lib/setup.py": ""}),
        "dependency_failed",
        "./lib",
        "as a wheel",
        env=INDEX,
    ),
    Broken(
        "build that fails",
        agent({"requirements.txt": "unbuildable\n"}),
        "dependency_failed",
        "there is no compiler",
        "with a wheel",
        env=INDEX,
    ),
    Broken(
        "index that is away",
        agent({"requirements.txt": "tiny\n"}),
        "dependency_failed",
        "127.0.0.1:1",
        "PIP_INDEX_URL",
        env=NO_INDEX,
    ),
    Broken(
        "index that is too slow",
        agent({"requirements.txt": "tiny\n"}),
        "dependency_timeout",
        "longer than 6 s",
        "WHEELHOUSE_DIR",
        env=SIX_SECONDS,
    ),
)
