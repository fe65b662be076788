"""Every way an agent fails to load has its typed cause, and evidence from the agent's code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Package
from pixell_worker.failures import LoadError
from pixell_worker.loader import call_agent, can_call, load_callable, split_entry


@pytest.fixture(autouse=True)
def fresh_modules() -> Iterator[None]:
    known, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def load(root: Path, entry: str) -> Any:
    sys.path.insert(0, str(root))
    return load_callable(entry, "mount", "rest.entry", str(root))


def failure_of(root: Path, entry: str) -> LoadError:
    with pytest.raises(LoadError) as caught:
        load(root, entry)
    return caught.value


def test_split_entry_knows_both_forms() -> None:
    assert split_entry("a.b:c", "mount") == ("a.b", "c")
    assert split_entry("a.b", "mount") == ("a.b", "mount")
    assert split_entry("a.b:", "mount") == ("a.b", "mount")


def test_a_function_in_a_folder_without_init_is_found(package: Package) -> None:
    root = package({"src/rest/index.py": "def mount(app): return 41 + app"})

    assert load(root, "src.rest.index:mount")(1) == 42


@pytest.mark.parametrize("place", ["", "dist/rest/"])
@pytest.mark.parametrize("entry", ["server.routes:mount", "routes:mount"])
def test_the_copy_that_a_builder_made_is_found(package: Package, place: str, entry: str) -> None:
    root = package({f"{place}routes.py": "def mount(app): return 'copy'"})

    assert load(root, entry)(None) == "copy"


def test_a_module_that_is_there_is_not_looked_for_elsewhere(package: Package) -> None:
    files = {
        "server/routes.py": "def mount(app): return 'original'",
        "routes.py": "def mount(app): return 'copy'",
        "dist/rest/server.py": "raise RuntimeError('never')",
    }

    assert load(package(files), "server.routes:mount")(None) == "original"


def test_a_missing_dependency_is_named(package: Package) -> None:
    root = package({"routes.py": "x = 1\nimport no_such_thing.sub\n"})

    failure = failure_of(root, "routes:mount")

    assert failure.cause == "missing_module"
    assert "'no_such_thing'" in failure.message
    assert failure.evidence[0].startswith('File "routes.py", line 2, in <module>')


def test_a_missing_own_module_is_named(package: Package) -> None:
    failure = failure_of(package({"a.py": ""}), "src.gone:mount")

    assert failure.cause == "missing_module"
    assert "rest.entry" in failure.message
    assert failure.evidence == ["rest.entry names the module 'src.gone'", "the package has: a.py"]
    assert "agent.yaml" in failure.remedy


def test_a_module_missing_in_its_folder_shows_the_folder(package: Package) -> None:
    files = {"src/__init__.py": "", "src/api.py": "", "src/__pycache__/x": "", "src/.hidden": ""}

    failure = failure_of(package(files), "src.gone:mount")

    assert "'src.gone'" in failure.message
    assert failure.evidence[-1] == "src has: __init__.py, api.py"


def test_a_module_that_the_agents_module_lacks_is_not_the_entrys_fault(package: Package) -> None:
    failure = failure_of(package({"routes.py": "import routes.deep"}), "routes:mount")

    assert failure.evidence[0].startswith('File "routes.py", line 1')
    assert failure.remedy == ""


def test_a_missing_function_is_named(package: Package) -> None:
    text = "from json import dumps\nlimit = 3\ndef other(): pass\n"
    failure = failure_of(package({"routes.py": text}), "routes:mount")

    assert failure.cause == "handler_missing"
    assert "'mount'" in failure.message
    assert any(line.endswith("routes.py") for line in failure.evidence)
    assert failure.evidence[-1] == "it defines: other"


def test_an_entry_that_is_no_function_is_missing(package: Package) -> None:
    failure = failure_of(package({"routes.py": "mount = {}"}), "routes:mount")

    assert failure.cause == "handler_missing"
    assert "is a dict" in failure.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f():\n    raise ValueError('boom')\nf()\n", "ValueError: boom"),
        ("def broken(:\n", "SyntaxError"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("from os import no_such_name\n", "ImportError: cannot import name"),
    ],
)
def test_an_error_at_import_is_the_handlers(package: Package, text: str, words: str) -> None:
    failure = failure_of(package({"routes.py": text}), "routes:mount")

    assert failure.cause == "handler_error"
    assert words in failure.message
    assert any("routes.py" in line for line in failure.evidence)


def test_a_syntax_error_shows_its_file_and_line(package: Package) -> None:
    root = package({"src/api.py": "x = 1\ndef broken(:\n"})

    failure = failure_of(root, "src.api:mount")

    assert 'File "src/api.py", line 2: def broken(:' in failure.evidence
    assert failure.remedy.startswith("Correct the line; Python 3.")


def test_evidence_is_the_agents_own_frames(package: Package) -> None:
    root = package(
        {
            "routes.py": "from lib.deep import go\ngo()\n",
            "lib/deep.py": "import json\ndef go():\n    json.loads('{')\n",
        }
    )

    evidence = failure_of(root, "routes:mount").evidence

    assert evidence[0].startswith('File "routes.py", line 2')
    assert evidence[1].startswith('File "lib/deep.py", line 3, in go')
    assert evidence[2].startswith("json.decoder.JSONDecodeError")
    assert len(evidence) == 3


@pytest.mark.parametrize(
    "text",
    [
        "raise ImportError('/x/y.so: wrong ELF class: ELFCLASS32')",
        "raise OSError('/x/y.so: invalid ELF header')",
    ],
)
def test_a_foreign_binary_is_a_wrong_architecture(package: Package, text: str) -> None:
    assert failure_of(package({"routes.py": text}), "routes:mount").cause == "wrong_architecture"


def test_a_shared_object_of_another_machine_is_a_wrong_architecture(package: Package) -> None:
    root = package({"routes.py": "import native"})
    # An ELF header of a 32-bit program.
    (root / "native.abi3.so").write_bytes(b"\x7fELF\x01\x01\x01" + bytes(57))

    assert failure_of(root, "routes:mount").cause == "wrong_architecture"


def test_call_agent_awaits_coroutines(package: Package) -> None:
    async def answer(value: int) -> int:
        return value + 1

    assert asyncio.run(call_agent(answer, (1,), {}, "calling", "/")) == 2


def test_can_call_reads_the_signature_only() -> None:
    def inside(app: object) -> None:
        raise TypeError("from inside")

    assert can_call(inside, 1)
    assert can_call(inside, app=1)
    assert not can_call(inside)
    assert not can_call(lambda: None, 1)
