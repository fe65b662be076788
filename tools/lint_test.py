"""Tests of lint.py: each rule against a small tree that breaks it and one that does not."""

import pytest

import lint
from lint import RULES, Tree


@pytest.fixture
def write(tmp_path):
    """Gives a function that writes files below a fresh tree: write({"src/a/b.cpp": "…"})."""
    (tmp_path / "src").mkdir()

    def write_files(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    write_files.root = tmp_path
    return write_files


def findings(write, rule: str) -> list[str]:
    return [str(finding) for finding in sorted(set(RULES[rule](Tree(write.root))))]


# ------------------------------------------------------------------------------- layers


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("src/base/log.cpp", "base/log.hpp"),
        ("src/model/manifest.hpp", "base/result.hpp"),
        ("src/par/runtime.cpp", "net/server.hpp"),
        ("src/par/runtime.cpp", "apkg/manifest.hpp"),
        ("src/par/boot/boot_sequence.cpp", "par/config.hpp"),
        ("src/par/prepare/main.cpp", "apkg/archive.hpp"),
        ("src/par/prepare/main.cpp", "net/client/http_fetch.hpp"),
        ("src/par/surface/a2a_grpc.cpp", "pixell/agent.pb.h"),
        ("src/apkg/fetch.cpp", "aws/s3.hpp"),
        ("src/engine/ecs/ecs_engine.cpp", "aws/ecs/client.hpp"),
        ("src/reconcile/planner.hpp", "store/store.hpp"),
        ("src/reconcile/executor.cpp", "engine/engine.hpp"),
        ("src/reconcile/loop_test.cpp", "store/sqlite/sqlite_store.hpp"),
        ("src/api/deployments.cpp", "apkg/package_store.hpp"),
        ("src/edge/edge_test.cpp", "net/client/http_fetch.hpp"),
        ("src/cmd/pac/serve.cpp", "reconcile/loop.hpp"),
    ],
)
def test_layers_allow(write, path, header):
    write({path: f'#include "{header}"\n'})

    assert findings(write, "layers") == []


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("src/base/log.cpp", "model/routes.hpp"),
        ("src/model/routes.cpp", "net/server.hpp"),
        ("src/net/server.cpp", "model/routes.hpp"),
        ("src/aws/s3.cpp", "model/routes.hpp"),
        ("src/apkg/fetch.cpp", "aws/ecs/client.hpp"),
        ("src/apkg/fetch.cpp", "aws/elb.hpp"),
        ("src/par/runtime.cpp", "store/store.hpp"),
        ("src/par/runtime.cpp", "aws/s3.hpp"),
        ("src/par/runtime.cpp", "apkg/archive.hpp"),
        ("src/par/runtime.cpp", "net/client/http_fetch.hpp"),
        ("src/par/runtime.cpp", "par/prepare/plan.hpp"),
        ("src/par/prepare/main.cpp", "par/runtime.hpp"),
        ("src/par/prepare/main.cpp", "net/server.hpp"),
        ("src/store/sqlite/sqlite_store.cpp", "net/server.hpp"),
        ("src/engine/local/local_engine.cpp", "store/store.hpp"),
        ("src/reconcile/planner.cpp", "store/sqlite/sqlite_store.hpp"),
        ("src/reconcile/planner.cpp", "engine/local/local_engine.hpp"),
        ("src/reconcile/planner.cpp", "net/server.hpp"),
        ("src/edge/router.cpp", "engine/engine.hpp"),
        ("src/api/deployments.cpp", "engine/engine.hpp"),
        ("src/api/deployments.cpp", "store/sqlite/sqlite_store.hpp"),
        ("src/engine/engine.cpp", "cmd/pac/serve.hpp"),
        ("src/model/routes.cpp", "nowhere/x.hpp"),
        ("src/model/routes.cpp", "routes.hpp"),
        ("src/model/routes.cpp", "../base/result.hpp"),
        ("src/store/store.cpp", "pixell/agent.pb.h"),
    ],
)
def test_layers_refuse(write, path, header):
    write({path: f'// first line\n  #  include "{header}"\n'})

    assert len(findings(write, "layers")) == 1
    assert findings(write, "layers")[0].startswith(f"{path}:2: ")


@pytest.mark.parametrize(
    ("path", "header", "is_fine"),
    [
        ("src/net/http2_session.cpp", "nghttp2/nghttp2.h", True),
        ("src/edge/edge.cpp", "nghttp2/nghttp2.h", False),
        ("src/net/client/http_fetch.cpp", "curl/curl.h", True),
        ("src/net/server.cpp", "curl/curl.h", False),
        ("src/store/sqlite/database.cpp", "sqlite3.h", True),
        ("src/api/deployments.cpp", "sqlite3.h", False),
        ("src/par/runtime.cpp", "yaml-cpp/yaml.h", False),
        ("src/apkg/digest.cpp", "openssl/evp.h", True),
        ("src/net/server.cpp", "openssl/ssl.h", False),
        ("src/apkg/digest.cpp", "vector", True),
    ],
)
def test_layers_know_who_owns_a_library(write, path, header, is_fine):
    write({path: f"#include <{header}>\n"})

    assert (findings(write, "layers") == []) == is_fine


def test_every_room_of_the_table_is_known_to_it():
    for row in [*lint.layer_table.ALLOWED.values(), *lint.layer_table.ALLOWED_IN_FOLDER.values()]:
        for target in row:
            assert target.partition("/")[0] in lint.layer_table.ALLOWED


# ------------------------------------------------------------------------------- banned


@pytest.mark.parametrize(
    "line",
    [
        "auto t = std::chrono::system_clock::now();",
        "auto t = std::chrono::steady_clock::now();",
        "std::this_thread::sleep_for(1ms);",
        "::sleep(1);",
        "sleep (1);",
        "usleep(10);",
        "thread.detach();",
        "thread->detach();",
        "int n = rand();",
        "srand(7);",
        'std::cout << "x";',
        'throw std::runtime_error("x");',
        "if (bad) throw 1;",
    ],
)
def test_banned_calls_are_found(write, line):
    write({"src/net/a.cpp": f"int x;\n{line}\n"})

    assert len(findings(write, "banned")) == 1
    assert findings(write, "banned")[0].startswith("src/net/a.cpp:2: ")


@pytest.mark.parametrize(
    "text",
    [
        "// never call system_clock::now() here",
        "/* thread.detach();\n   rand() */",
        'log.info("sleep_for and rand() are words");',
        'const char* text = R"(std::cout << rand())";',
        "operand(1); brand(); asleep(2); fd.detached();",
        "clock.sleep(1);",
        "int throws = 1;",
        "const int big = 1'000'000; int also = big; // rand()",
    ],
)
def test_banned_ignores_comments_strings_and_other_words(write, text):
    write({"src/net/a.cpp": text + "\n"})

    assert findings(write, "banned") == []


def test_banned_clocks_live_in_base_and_output_in_cmd(write):
    write(
        {
            "src/base/clock.cpp": "auto t = std::chrono::system_clock::now();\n",
            "src/cmd/par/main.cpp": "std::cout << 1;\n",
        }
    )

    assert findings(write, "banned") == []


# -------------------------------------------------------------------------------- files


def test_files_of_four_hundred_lines_are_fine_and_one_more_is_not(write):
    write({"src/a/fits.cpp": "\n" * 400, "src/a/long.cpp": "\n" * 401, "tests/t.py": "\n" * 401})

    found = findings(write, "files")

    assert [line.partition(":")[0] for line in found] == ["src/a/long.cpp", "tests/t.py"]


def test_files_with_a_reason_may_be_longer(write):
    write(
        {
            "src/a/long.cpp": "\n" * 401,
            "tools/lint_exceptions.txt": "# comment\nsrc/a/long.cpp: one generated table\n",
        }
    )

    assert findings(write, "files") == []


def test_files_exceptions_need_a_reason_and_a_long_file(write):
    write(
        {
            "src/a/long.cpp": "\n" * 401,
            "src/a/short.cpp": "\n",
            "tools/lint_exceptions.txt": "src/a/long.cpp:\nsrc/a/short.cpp: was long once\n",
        }
    )

    assert findings(write, "files") == [
        "tools/lint_exceptions.txt: src/a/long.cpp has no reason",
        "tools/lint_exceptions.txt: src/a/short.cpp needs no exception any more",
    ]


# --------------------------------------------------------------------- leftovers, names


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"])
def test_leftovers_are_found(write, word):
    write({"src/a/b.cpp": f"int a;\n// {word}: later\n", "workers/python/w.py": f"# {word}\n"})

    assert [
        line.rpartition(": ")[0].rpartition(":")[0] for line in findings(write, "leftovers")
    ] == [
        "src/a/b.cpp:2",
        "workers/python/w.py:1",
    ]


def test_leftovers_do_not_find_other_words(write):
    write({"src/a/b.cpp": "// to do, hacksaw, TODOS are listed elsewhere\n"})

    assert findings(write, "leftovers") == []


def test_names_that_say_nothing_are_found(write):
    write(
        {
            "src/a/string_utils.hpp": "",
            "src/a/fine.hpp": "class RouteManager {};\nstruct Utility {};\n",
            "src/common/x.cpp": "",
            "src/a/commonly.cpp": "",
        }
    )

    assert [line.partition(" does")[0] for line in findings(write, "names")] == [
        "src/a/fine.hpp:1: RouteManager",
        "src/a/string_utils.hpp: string_utils.hpp",
        "src/common/x.cpp: common",
    ]


# ----------------------------------------------------------------- cmake, README, pragma


def test_cmake_lists_every_source(write):
    write(
        {
            "src/a/CMakeLists.txt": "pixell_library(a SOURCES one.cpp sub/two.cpp xthree.cpp)\n",
            "src/a/one.cpp": "",
            "src/a/sub/two.cpp": "",
            "src/a/three.cpp": "",
            "src/b/four.cpp": "",
        }
    )

    assert findings(write, "cmake") == [
        "src/a/three.cpp: src/a/CMakeLists.txt does not list it",
        "src/b/four.cpp: no CMakeLists.txt builds it",
    ]


def test_readmes_are_there_and_short(write):
    write(
        {
            "src/a/x.cpp": "",
            "src/b/x.cpp": "",
            "src/b/README.md": "# b\n" + "line\n" * 19,
            "src/c/x.cpp": "",
            "src/c/README.md": "# c\n" + "line\n" * 20,
        }
    )

    assert findings(write, "readmes") == [
        "src/a: has no README.md",
        "src/c/README.md: has more than 20 lines",
    ]


def test_pragma_once_begins_each_header(write):
    write(
        {
            "src/a/good.hpp": "// what it is\n\n#pragma once\n",
            "src/a/late.hpp": "#include <vector>\n#pragma once\n",
            "src/a/none.hpp": "int x;\n",
            "src/a/code.cpp": "int x;\n",
        }
    )

    assert [line.partition(":")[0] for line in findings(write, "pragma")] == [
        "src/a/late.hpp",
        "src/a/none.hpp",
    ]


# ---------------------------------------------------------------------------- documents


def test_headlines_are_counted_outside_code(write):
    write(
        {
            "docs/good.md": "# One\n\n```sh\n# a comment\n```\n## Two\n",
            "docs/none.md": "text\n",
            "docs/two.md": "# One\n# Two\n",
        }
    )

    assert findings(write, "headlines") == [
        "docs/none.md: has 0 headlines of the first level, not one",
        "docs/two.md: has 2 headlines of the first level, not one",
    ]


def test_paths_and_links_of_documents_exist(write):
    write(
        {
            "src/a/real.cpp": "",
            "docs/life_of_a_request.md": (
                "# Life\n`src/a/real.cpp`, `src/a/gone.cpp`, `src/a/`, `other/x.cpp`\n"
                "[good](../src/a/real.cpp#L3) [bad](gone.md) [away](https://example.org/x)\n"
                "```\n`src/in/code.cpp`\n```\n"
            ),
        }
    )

    assert findings(write, "paths") == [
        "docs/life_of_a_request.md:2: src/a/gone.cpp does not exist",
        "docs/life_of_a_request.md:3: the link to gone.md is broken",
    ]


# ------------------------------------------------------------------------- the program


def test_named_tests_exist(write):
    write(
        {
            "tests/test_a.py": "def test_there(x):\n    pass\n",
            "src/a/b_test.cpp": "TEST_F(Suite,\n       Name) {}\n",
            "docs/page.md": "# P\n`tests/test_a.py::test_there` `tests/test_a.py::test_the`\n"
            "`src/a/b_test.cpp::Suite.Name` `src/a/b_test.cpp::Suite.Nam` `gone.py::test_x`\n",
        }
    )
    assert findings(write, "named_tests") == [
        "docs/page.md:2: there is no test tests/test_a.py::test_the",
        "docs/page.md:3: there is no test gone.py::test_x",
        "docs/page.md:3: there is no test src/a/b_test.cpp::Suite.Nam",
    ]


def test_crash_points_are_listed(write):
    write(
        {
            "src/a/crash_points.hpp": '    "a.b.c",  // x\n    "a.b",\n    "a.b.c",\n',
            "src/a/b.cpp": 'crash_point("a.b.c");\ncrash_point(\n  "a.b.d");\n',
        }
    )
    assert findings(write, "crash_points") == [
        "src/a/b.cpp:2: a.b.d is in no crash_points.hpp",
        "src/a/crash_points.hpp:2: a.b is not <room>.<step>.<where>",
        "src/a/crash_points.hpp:3: a.b.c is listed twice",
    ]


def test_the_program_prints_a_line_per_rule_and_fails_on_findings(write, capsys):
    write({"src/a/b.hpp": "int x;\n", "src/a/README.md": "# a\n"})

    code = lint.main(["pragma", "readmes", "--root", str(write.root)])

    assert code == 1
    assert capsys.readouterr().out.splitlines() == [
        "src/a/b.hpp:1: does not begin with #pragma once",
        "FAIL pragma: 1 findings",
        "ok readmes",
    ]


def test_the_program_runs_all_rules_on_an_empty_tree(write, capsys):
    assert lint.main(["all", "--root", str(write.root)]) == 0
    assert capsys.readouterr().out.splitlines() == [f"ok {name}" for name in RULES]


def test_the_program_refuses_a_rule_it_does_not_know(write):
    with pytest.raises(SystemExit) as ended:
        lint.main(["nonsense", "--root", str(write.root)])

    assert ended.value.code == 2
