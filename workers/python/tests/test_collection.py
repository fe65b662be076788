"""Garbage is collected rarely while an agent loads, and as it wants afterwards."""

from __future__ import annotations

import gc
from typing import Callable

from conftest import Package
from par_double import ParDouble

Start = Callable[..., ParDouble]

ROUTES = """
    import gc

    while_loading = gc.get_threshold()
    {more}

    def mount(app):
        @app.get("/thresholds")
        def thresholds():
            return [while_loading, gc.get_threshold(), gc.isenabled()]
"""


def thresholds(par: ParDouble) -> list:
    assert par.load(rest="routes:mount")["t"] == "hello"
    with par.http() as http:
        return http.get("/thresholds").json()


def test_an_agent_is_loaded_with_few_collections_and_served_with_pythons(
    package: Package, worker: Start
) -> None:
    par = worker(package({"routes.py": ROUTES.format(more="")}))

    while_loading, later, is_enabled = thresholds(par)

    assert while_loading[0] > 10 * gc.get_threshold()[0]
    assert later == list(gc.get_threshold())
    assert is_enabled


def test_what_the_agent_sets_stays(package: Package, worker: Start) -> None:
    par = worker(package({"routes.py": ROUTES.format(more="gc.set_threshold(123); gc.disable()")}))

    _, later, is_enabled = thresholds(par)

    assert later[0] == 123
    assert not is_enabled
