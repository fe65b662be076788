"""What earlier generations of the platform got wrong, where no other file proves it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from devtool.pac import Pac, wait_until
from devtool.paths import ROOT
from pixell_testing.packages import from_files, versioned
from pixell_testing.stack import Par, put

StartPar = Callable[..., Par]

LIGHT = from_files({"agent.yaml": "name: light\nui: {path: ui}\n", "ui/index.html": "light"})
#: An agent that reads its settings as careless agents do.
CARELESS = """
import os

PORT = int(os.getenv("DB_PORT", "5432"))
HOST = os.getenv("DB_HOST", "localhost")
PLAIN = os.environ["WITH_DEFAULT"], os.environ["FROM_OTHER"]


def mount(app):
    app.get("/api/settings")(lambda: {"port": PORT, "host": HOST, "plain": PLAIN})
"""


def local_addresses(port: int, table: str) -> set[str]:
    """The addresses of the sockets that listen on a port, as the kernel writes them."""
    found = set()
    for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
        fields = line.split()
        address, _, number = fields[1].partition(":")
        if fields[3] == "0A" and int(number, 16) == port:
            found.add(address)
    return found


def test_values_that_say_nothing_do_not_reach_the_agent(par: StartPar) -> None:
    manifest = """\
name: careless
rest: {entry: 'routes:mount'}
environment:
  DB_PORT: "None"
  DB_HOST: "null"
  WITH_DEFAULT: "${NOT_THERE:-fallback}"
  FROM_OTHER: "${SOURCE}/${SOURCE:-unused}"
"""
    files = {"agent.yaml": manifest, "routes.py": CARELESS, ".env": "SOURCE=from the file\n"}
    running = par(from_files(files)).wait_ready()

    assert running.get("/api/settings").json() == {
        "port": 5432,
        "host": "localhost",
        "plain": ["fallback", "from the file/from the file"],
    }


def test_a_placeholder_that_nobody_fills_is_a_warning(par: StartPar) -> None:
    files = {
        "agent.yaml": "name: w\nrest: {entry: 'r:mount'}\nenvironment: {A: '${NOBODY_SETS_IT}'}\n",
        "r.py": "def mount(app):\n    pass\n",
    }
    running = par(from_files(files)).wait_ready()

    warnings = [json.dumps(line) for line in running.log() if line["level"] == "warning"]
    assert any("NOBODY_SETS_IT" in warning for warning in warnings), warnings


def test_two_packages_of_one_name_and_version_are_two(par: StartPar) -> None:
    first = par(versioned("1.0", name="same")).wait_ready()
    manifest = "name: same\nrest: {entry: 'routes:mount'}\nmetadata: {version: 1.0}\n"
    routes = "def mount(app):\n    app.get('/api/version')(lambda: {'version': 'other'})\n"
    second = par(from_files({"agent.yaml": manifest, "routes.py": routes})).wait_ready()

    assert first.get("/api/version").json()["version"] == "1.0"
    assert second.get("/api/version").json()["version"] == "other"
    assert first.get("/meta").json()["version"] == second.get("/meta").json()["version"]


def test_each_agent_has_the_environment_of_its_own_deployment(pac: Pac) -> None:
    values = ("one", "two")
    for value in values:
        package = put(pac, f"private-{value}.apkg", versioned(value))
        pac.deploy_and_wait(f"private-{value}", package, environment={"PRIVATE": value})

    for value in values:
        base = f"/agents/private-{value}/api/environment"
        assert pac.get(f"{base}/PRIVATE").json() == {"value": value}
        assert pac.get(f"{base}/BASE_PATH").json() == {"value": f"/agents/private-{value}"}
        assert pac.get(f"{base}/AGENT_APP_ID").json() == {"value": f"private-{value}"}


def test_it_listens_on_every_ipv4_address_by_default(par: StartPar) -> None:
    running = par(LIGHT, env={"LISTEN_ADDR": None})
    port = int(running.url.rpartition(":")[2])
    wait_until("par is ready", lambda: running.status_of("/health") is not None, 30)

    assert local_addresses(port, "tcp") == {"00000000"}
    assert local_addresses(port, "tcp6") == set()


def test_a_local_run_listens_on_this_machine_only(par: StartPar, tmp_path: Path) -> None:
    package = tmp_path / "light.apkg"
    package.write_bytes(LIGHT)
    running = par(None, "run", str(package), env={"LISTEN_ADDR": None})
    port = int(running.url.rpartition(":")[2])
    wait_until("par is ready", lambda: running.status_of("/health") is not None, 30)

    assert local_addresses(port, "tcp") == {"0100007F"}


def test_every_variable_is_documented() -> None:
    config, observe = (
        (ROOT / "src/par" / name).read_text() for name in ("config.cpp", "observe/settings.cpp")
    )
    table, _, rest = config.partition("};")
    kept = set(re.findall(r'string_view\("([A-Z0-9_]+)"\)', table))
    names = set(re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"', rest + observe))
    pages = ("docs/environment.md", "docs/par_worker.md", "docs/observability.md")
    page = "".join((ROOT / name).read_text() for name in pages)

    assert len(kept) > 20
    assert {"METRICS_ENABLED", "S3_BUCKET", "OTEL_SERVICE_NAME"} <= names
    undocumented = [name for name in kept | names if not re.search(rf"\b{name}\b", page)]
    assert sorted(undocumented) == []
    # What only the runtime reads is kept from the agent; these are the agent's as well.
    shared = re.compile(r"OTEL_\w+|SSL_CERT_\w+|AWS_REGION|S3_BUCKET|PIP_INDEX_URL|XDG_CACHE_HOME")
    refused = {"RUNTIME_MODE", "MAX_AGENTS"}
    assert {name for name in names - kept - refused if not shared.fullmatch(name)} == set()


@pytest.mark.parametrize(
    "pattern",
    [
        r"\bAKIA(?!IOSFODNN7EXAMPLE)[0-9A-Z]{16}\b",
        r"\bsk_live_[0-9A-Za-z]{8,}",
        r"\bpac_[0-9A-Za-z]{24,}",
        r"-----BEGIN (?:RSA |EC |OPENSSH )?PRIVATE KEY-----\n[A-Za-z0-9+/=]{40}",
    ],
)
def test_no_file_holds_a_secret(pattern: str) -> None:
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"],
        check=True,
        capture_output=True,
        timeout=60,
    ).stdout
    files = [ROOT / name for name in listed.decode().split("\0") if name]

    assert len(files) > 100
    texts = {path: path.read_bytes().decode("latin-1") for path in files if path.is_file()}
    assert [path.name for path, text in texts.items() if re.search(pattern, text)] == []
