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
