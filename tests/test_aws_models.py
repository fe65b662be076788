"""The judge of AWS requests finds what AWS would refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pixell_testing.aws_models import faults


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"cluster": "c", "serviceName": "s", "environment": []}, "Unknown parameter"),
        ({"serviceName": "s", "launchType": "FARGAT"}, "is none of"),
        ({"serviceName": "s", "desiredCount": "1"}, "Invalid type"),
        ({}, "Missing required parameter"),
        ({"serviceName": "s", "tags": [{"key": "a*b", "value": ""}]}, "does not match"),
    ],
)
def test_the_judge_finds_what_aws_would_refuse(body: dict[str, Any], words: str) -> None:
    headers = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-2/ecs/aws4_request, …",
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.CreateService",
    }

    wrong = faults("POST", "/", headers, json.dumps(body).encode())

    assert any(words in each for each in wrong), wrong


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("&PageSize=0", "valid min value: 1"),
        ("&PageSize=401", "401 is more than 400"),
        ("&PageSize=1&PageSize=2", "a field is there twice"),
        ("&Size=1", "nobody knows ['Size']"),
        ("&Version=2012-06-01", "the version is 2012-06-01"),
    ],
)
def test_the_judge_reads_forms(more: str, words: str) -> None:
    scope = "A/20260101/us-east-2/elasticloadbalancing/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, …"}
    body = "Action=DescribeTargetGroups&Version=2015-12-01"

    assert not faults("POST", "/", headers, body.encode())
    wrong = faults("POST", "/", headers, (body + more).encode())

    assert any(words in each for each in wrong), wrong
