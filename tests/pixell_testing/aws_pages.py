"""Answers of AWS in pages: an empty one, which AWS may give, and then one for each entry."""

from __future__ import annotations

import functools
import json
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import botocore.session

Answer = tuple[int, str, bytes]
TOKEN = "pixell-page-"


@functools.cache
def paging_of(service: str, action: str) -> dict[str, Any] | None:
    """How an action is paged, by botocore: input_token, output_token, result_key; or None."""
    model = (
        botocore.session.get_session()
        .get_component("data_loader")
        .load_service_model(service, "paginators-1")["pagination"]
    )
    found = model.get(action)
    if found is None or not isinstance(found.get("output_token"), str):
        return None
    results = found["result_key"]
    return {**found, "result_key": results if isinstance(results, str) else results[0]}


def page(call: Any, body: bytes, send: Callable[[bytes], Answer]) -> Answer:
    """One page of a call's answer; `send` gets the whole one."""
    paging = paging_of(call.service, call.action)
    assert paging, f"{call.action} is not paged"
    token = call.parameters.get(paging["input_token"]) or f"{TOKEN}0"
    turn = int(token.removeprefix(TOKEN))
    status, kind, whole = send(_without(body, paging["input_token"]))
    if status != 200:
        return status, kind, whole
    cut = _json_page if whole.startswith(b"{") else _xml_page
    return status, kind, cut(whole, paging, turn)


def _without(body: bytes, name: str) -> bytes:
    if body.startswith(b"{"):
        asked = json.loads(body)
        asked.pop(name, None)
        return json.dumps(asked).encode()
    pairs = urllib.parse.parse_qsl(body.decode(), keep_blank_values=True)
    return urllib.parse.urlencode([pair for pair in pairs if pair[0] != name]).encode()


def _json_page(whole: bytes, paging: dict[str, Any], turn: int) -> bytes:
    answer = json.loads(whole)
    entries = answer.get(paging["result_key"], [])
    answer[paging["result_key"]] = entries[turn - 1 : turn] if turn else []
    answer.pop(paging["output_token"], None)
    if turn < len(entries):
        answer[paging["output_token"]] = f"{TOKEN}{turn + 1}"
    return json.dumps(answer).encode()


def _xml_page(whole: bytes, paging: dict[str, Any], turn: int) -> bytes:
    root = ET.fromstring(whole)
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    listed = root.find(f".//{space}{paging['result_key']}")
    if listed is not None and len(listed):
        entries = list(listed)
        for number, entry in enumerate(entries):
            if number + 1 != turn:
                listed.remove(entry)
        if turn < len(entries):
            result = next(each for each in root if each.tag.endswith("Result"))
            marker = ET.SubElement(result, f"{space}{paging['output_token']}")
            marker.text = f"{TOKEN}{turn + 1}"
    if space:
        ET.register_namespace("", space[1:-1])
    return ET.tostring(root)
