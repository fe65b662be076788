"""Tests of what the benches of bench/ read and work out."""

import json
import sys
from pathlib import Path

import pytest

from devtool.shell import output_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

import instructions

from measure import wrk_count
from rig.callgrind import by_thread_kind, parse, short, top
from rig.control import RoutesOnly, route
from rig.load import h2load_count
from rig.requests import MANY_HEADERS, http_request
from rig.throughput import Case, Figures, Rival, aim_text, ratio, rows

# ---------------------------------------------------------------------------- callgrind

LOOP_THREAD = """\
# callgrind format
positions: line
events: Ir

fl=loop.cpp
fn=pixell::net::EventLoop::run()
10 5
+2 7
cfi=handler.cpp
cfn=handle(int)
calls=3 20
12 60
fn=(2) handle(int)
20 30
* 12
fi=inlined.hpp
7 6
fe=handler.cpp
cfn=(2)
calls=1 20
22 9
cfn=(3) write
calls=1 0
-1 3
fn=(3)
0 3

totals: 63
"""
ENDED_IN_ITS_LOOP = "events: Ir\nfn=pixell::net::EventLoop::add(int, pixell::net::FdHandler&)\n1 7\n"
OTHER_THREAD = "events: Ir\nfn=poll\n1 1000\n"


def test_callgrind_costs_are_counted_by_function():
    costs = parse(LOOP_THREAD)

    assert costs.own == {"pixell::net::EventLoop::run()": 12, "handle(int)": 48, "write": 3}
    assert costs.total == 63
    # A function that calls itself is not counted twice.
    assert costs.inclusive["handle(int)"] == 51
    assert costs.inclusive["pixell::net::EventLoop::run()"] == 72


def test_only_threads_that_run_a_loop_count(tmp_path):
    texts = (OTHER_THREAD, LOOP_THREAD, ENDED_IN_ITS_LOOP)
    files = [tmp_path / f"out-0{number}" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)

    loops, others = by_thread_kind(files)

    assert loops.total == 63 + 7
    assert others.total == 1000


def test_the_difference_of_two_runs_is_what_the_requests_took():
    longer = parse(LOOP_THREAD.replace("20 30", "20 40"))

    difference = longer.less(parse(LOOP_THREAD))

    assert difference.total == 10
    assert top(difference.own, 5, 1) == [(2.0, "handle")]


def test_functions_of_stripped_libraries_are_told_apart_by_their_library():
    text = (
        "ob=/usr/lib/liba.so\nfn=0x10\n1 2\ncob=/usr/lib/libb.so\ncfn=0x10\ncalls=1 1\n1 3\n1 4\n"
    )

    costs = parse(text + "ob=/usr/lib/libb.so\nfn=0x10\n1 3\n")

    assert costs.own == {"0x10 of liba.so": 6, "0x10 of libb.so": 3}
    assert costs.inclusive["0x10 of liba.so"] == 9


def test_names_are_shown_without_what_tells_nothing():
    name = (
        "std::vector<pixell::net::Field, std::allocator<pixell::net::Field> >::push_back("
        "pixell::net::Field const&)"
    )
    assert short(name) == "std::vector::push_back"
    assert short("pixell::(anonymous namespace)::f(std::function<void (int)>) const") == "f"
    assert short("(below main)") == "(below main)"


def test_a_figure_that_grew_or_is_not_recorded_fails_the_check(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(instructions, "ROOT", tmp_path)
    monkeypatch.setattr(instructions, "RECORDED", tmp_path / "instructions.json")
    instructions.record({"http_small": 1000})
    instructions.record({"par_ui": 2000})

    assert instructions.recorded_figures() == {"http_small": 1000, "par_ui": 2000}
    assert instructions.check({"http_small": 1050, "par_ui": 1000}) == 0
    assert instructions.check({"http_small": 1051}) == 1
    assert instructions.check({"grpc_unary": 1}) == 1
    printed = capsys.readouterr().out
    assert "ok instructions of http_small: 1,050, recorded 1,000 (+5.0%)" in printed
    assert "(-50.0%); --record keeps it there" in printed
    assert "FAIL instructions of http_small: 1,051, recorded 1,000 (+5.1%)" in printed
    assert "FAIL instructions of grpc_unary: 1, none recorded" in printed


# --------------------------------------------------------------------------------- load

WRK = """Running 1s test @ http://127.0.0.1:1/
  1 threads and 64 connections
  13361 requests in 1.00s, 4.00MB read
{errors}Requests/sec:  13361.00
"""
H2LOAD = """
finished in 1.00s, 9125.00 req/s, 2.10MB/s
requests: 9125 total, 9253 started, 9125 done, {succeeded} succeeded, {failed} failed, 0 errored, \
0 timeout
status codes: 9125 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 2.15MB (2254000) total, 110.50KB (113152) headers (space savings 92%), 1.78MB ({data}) data
"""


def test_wrk_counts_only_what_went_well():
    assert wrk_count(WRK.format(errors=""), "url") == 13361
    for errors in (
        "  Socket errors: connect 0, read 3, write 0, timeout 0\n",
        "  Non-2xx or 3xx responses: 1\n",
    ):
        with pytest.raises(RuntimeError, match="wrk saw errors at url"):
            wrk_count(WRK.format(errors=errors), "url")
    with pytest.raises(RuntimeError, match="not answered"):
        wrk_count(WRK.format(errors="").replace("13361 requests", "0 requests"), "url")


def test_h2load_counts_only_calls_that_brought_a_message():
    good = {"succeeded": 9125, "failed": 0, "data": 9125 * 205}

    assert h2load_count(H2LOAD.format(**good), 205) == 9125
    # An error of gRPC is a 200 too, without a message.
    for wrong in ({"failed": 1}, {"data": 9124 * 205}, {"succeeded": 0}):
        with pytest.raises(RuntimeError, match="calls failed"):
            h2load_count(H2LOAD.format(**{**good, **wrong}), 205)


def test_requests_have_the_size_that_browsers_send():
    request = http_request("/agents/bench/api/small", MANY_HEADERS)

    assert 700 <= len(request) <= 900
    assert request.endswith(b"\r\n\r\n")
    assert request.count(b"\r\n") == len(MANY_HEADERS) + 3


# ------------------------------------------------------------------------------- tables


def test_rows_compare_round_by_round_and_tell_what_was_missed():
    rival = Rival("nginx", "tuned", floor=1.15, aim=1.25)
    case = Case("small", lambda *_: 0, (rival,))
    figures = {
        Rival("edge"): Figures([100, 240, 50], [10, 10, 10]),
        rival: Figures([100, 200, 50], [2000, 3000, 1000]),
    }

    assert ratio(figures[Rival("edge")], figures[rival]) == 1.0
    assert rows(case, figures) == [
        "| small | edge | 100 | 10 |  |  |",
        "| small | nginx, tuned | 100 | 2,000 | 1.00× | 1.15× / 1.25×: missed |",
    ]
    assert aim_text(rival, 1.2) == "1.15× / 1.25×"
    assert aim_text(Rival("caddy"), 0.5) == ""


# -------------------------------------------------------------------------------- routes


def test_routes_are_given_once_and_again_when_they_change(tmp_path):
    with RoutesOnly(tmp_path / "control.sock", [route("a", "unix:/a")]) as control:
        first = json.loads(control.next(0, 1))
        assert first["generation"] == 1
        assert [each["app_id"] for each in first["routes"]] == ["a"]
        assert control.next(1, 0) is None

        generation = control.publish([])

        assert json.loads(control.next(1, 1)) == {"generation": 2, "routes": []}
        with pytest.raises(RuntimeError, match="did not apply generation 2"):
            control.wait_applied(generation, timeout_s=0)
        assert control.next(2, 0) is None
        control.wait_applied(generation, timeout_s=0)


def test_an_edge_is_answered_as_control_would(tmp_path):
    socket = tmp_path / "control.sock"
    command = ["curl", "-sS", "--max-time", "10", "--unix-socket", socket, "-w", "%{http_code}"]
    with RoutesOnly(socket, []):

        def ask(*arguments: str) -> str:
            return output_of([*command, *arguments])

        url = "http://control/internal/routes?edge=e&timeout_ms=1"
        assert ask(f"{url}&after=0") == '{"generation": 1, "routes": []}200'
        assert ask(f"{url}&after=1") == "204"
        told = ask("-d", "{}", "http://control/internal/edges/e/measurements")
        assert told.startswith('{"listening_since": ') and told.endswith("}200")
