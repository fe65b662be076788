"""Tests of what the benches of bench/ read and work out."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

from rig.callgrind import by_thread_kind, parse, short, top

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
OTHER_THREAD = "events: Ir\nfn=poll\n1 1000\n"


def test_callgrind_costs_are_counted_by_function():
    costs = parse(LOOP_THREAD)

    assert costs.own == {"pixell::net::EventLoop::run()": 12, "handle(int)": 48, "write": 3}
    assert costs.total == 63
    # A function that calls itself is not counted twice.
    assert costs.inclusive["handle(int)"] == 51
    assert costs.inclusive["pixell::net::EventLoop::run()"] == 72


def test_only_threads_that_run_a_loop_count(tmp_path):
    files = [tmp_path / "out-01", tmp_path / "out-02"]
    for file, text in zip(files, (OTHER_THREAD, LOOP_THREAD), strict=True):
        file.write_text(text)

    loops, others = by_thread_kind(files)

    assert loops.total == 63
    assert others.total == 1000


def test_the_difference_of_two_runs_is_what_the_requests_took():
    longer = parse(LOOP_THREAD.replace("20 30", "20 40"))

    difference = longer.less(parse(LOOP_THREAD))

    assert difference.total == 10
    assert top(difference.own, 5, 1) == [(2.0, "handle")]


def test_functions_of_stripped_libraries_are_told_apart_by_their_library():
    text = "ob=/usr/lib/liba.so\nfn=0x10\n1 2\ncob=/usr/lib/libb.so\ncfn=0x10\ncalls=1 1\n1 3\n1 4\n"

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
