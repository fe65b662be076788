"""What the tests of the ECS engine's parts share: an operator's settings and a revision."""

from __future__ import annotations

from typing import Any

from pixell_testing.aws import REGION

INSTALLATION = "0123456789ab"
ACCOUNT = "123456789012"


def settings(**more: str) -> dict[str, str]:
    """What an operator sets."""
    role = f"arn:aws:iam::{ACCOUNT}:role/pixell-agent-runtime"
    registry = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
    return {
        "AWS_REGION": REGION,
        "PAC_ECS_SUBNETS": "subnet-0a,subnet-0b",
        "PAC_ECS_SECURITY_GROUPS": "sg-01",
        "PAC_ECS_IMAGE": f"{registry}/pixell-agent-runtime@sha256:{'a' * 64}",
        "PAC_ECS_EXECUTION_ROLE": f"{role}-execution-role",
        "PAC_ECS_TASK_ROLE": f"{role}-task-role",
        **more,
    }


def revision(**more: Any) -> dict[str, Any]:
    """A revision of an app, as the planner gives it."""
    app = more.get("app_id", "python-executor")
    return {
        "id": "01HZ",
        "app_id": app,
        "revision": 7,
        "deployment_id": "01HY",
        "package_url": "s3://pixell-agent-packages/org/p/1.0.0/p.apkg",
        "package_sha256": "b" * 64,
        "base_path": f"/agents/{app}",
        "environment": {"OPENAI_API_KEY": "sk-very-secret"},
        **more,
    }
