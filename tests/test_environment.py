"""What the agent's process finds in its environment, and what the log tells of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pixell_testing.packages import from_files
from pixell_testing.stack import Par

MANIFEST = """\
name: made-up
version: "1.0"
rest:
  entry: routes:mount
environment:
  LAYER: manifest
  ABOVE_FILE: manifest
  FROM_OTHER: "${SECRET_WORD}-${ABOVE_FILE}"
  WITH_DEFAULT: "${NOBODY:-50051}"
  A2A_OF_ITS_OWN: "${A2A_OF_ITS_OWN:-60000}"
  UNKNOWN: "${NOBODY}"
  ROUND: "${AND_ROUND}"
  AND_ROUND: "${ROUND}"
  TEMPLATE: "{{secrets.key}}"
  NOTHING: "None"
  AGENT_APP_ID: stolen
"""
DOT_ENV = """\
# a comment
LAYER=file
ABOVE_FILE=file
ONLY_FILE = 'a b'
SECRET_WORD="xyzzy-9000"
SIGNS=a@b!c?d&e=f # kept
export EXPORTED=1
DB_PORT=none
DB_HOST=
DB_NAME=real
EMPTY=
"""
ROUTES = """
import os


def mount(app):
    @app.get("/api/environment")
    async def environment():
        return dict(os.environ)
"""


@pytest.fixture(scope="module")
def seen(scratch, tmp_path_factory) -> tuple[dict[str, str], Par]:
    """The environment of a running agent, and its par."""
    folder = tmp_path_factory.mktemp("environment")
    package = folder / "agent.apkg"
    package.write_bytes(
        from_files({"agent.yaml": MANIFEST, ".env": DOT_ENV, "routes.py": ROUTES})
    )
    env = {
        "ENV_STORE_DIR": str(scratch / "environments"),
        "LAYER": "deployment",
        "PIP_INDEX_URL": "",
        "WHEELHOUSE_DIR": str(folder),
    }
    with Par(folder, package, env=env) as running:
        running.wait_ready()
        yield running.get("/api/environment").json(), running


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAYER", "deployment"),
        ("ABOVE_FILE", "manifest"),
        ("ONLY_FILE", "a b"),
        ("SIGNS", "a@b!c?d&e=f # kept"),
        ("EMPTY", ""),
        ("FROM_OTHER", "xyzzy-9000-file"),
        ("WITH_DEFAULT", "50051"),
        ("A2A_OF_ITS_OWN", "60000"),
        ("UNKNOWN", "${NOBODY}"),
        ("TEMPLATE", "{{secrets.key}}"),
        ("AGENT_APP_ID", "test-agent"),
        ("DB_NAME", "real"),
    ],
)
def test_a_value(seen: tuple[dict[str, str], Par], name: str, value: str) -> None:
    assert seen[0].get(name) == value


@pytest.mark.parametrize(
    "name", ["NOTHING", "DB_PORT", "DB_HOST", "export EXPORTED", "EXPORTED", "WHEELHOUSE_DIR"]
)
def test_a_name_that_is_not_there(seen: tuple[dict[str, str], Par], name: str) -> None:
    assert name not in seen[0]


def test_a_cycle_is_left_as_it_is(seen: tuple[dict[str, str], Par]) -> None:
    assert "${" in seen[0]["ROUND"]
    assert "${" in seen[0]["AND_ROUND"]


def test_names_are_logged_and_values_are_not(seen: tuple[dict[str, str], Par]) -> None:
    [line] = [each for each in seen[1].log() if each["event"] == "Built the agent's environment"]

    assert {"LAYER", "SECRET_WORD", "WITH_DEFAULT"} <= set(line["names"].split(","))
    assert line["count"] >= 10
    assert "xyzzy-9000" not in seen[1].log_text()


def test_two_agents_share_nothing(par: Callable[..., Par]) -> None:
    def package(word: str) -> bytes:
        manifest = "name: made-up\nrest:\n  entry: routes:mount\n"
        files = {"agent.yaml": manifest, ".env": f"{word}=1\n", "routes.py": ROUTES}
        return from_files(files)

    first, second = par(package("FIRST")), par(package("SECOND"))

    one = first.wait_ready().get("/api/environment").json()
    two = second.wait_ready().get("/api/environment").json()

    assert "FIRST" in one and "FIRST" not in two
    assert "SECOND" in two and "SECOND" not in one
    assert one["HOME"] != two["HOME"] and one["TMPDIR"] != two["TMPDIR"]
