"""Policies that `pac aws policy` prints, and an emulated account that demands them."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from devtool.paths import program

from pixell_testing.aws import REGION, Moto
from pixell_testing.ecs import ACCOUNT

Policy = dict[str, Any]


def printed(*options: str) -> Policy:
    """What `pac aws policy` prints."""
    command = [program("pac"), "aws", "policy", "--account", ACCOUNT, "--region", REGION, *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, env={}, timeout=20, check=True)
    return json.loads(done.stdout)


def listed(value: str | list[str]) -> list[str]:
    """IAM writes a list of one as the one."""
    return [value] if isinstance(value, str) else value


def actions_of(statement: Mapping[str, Any]) -> set[str]:
    return set(listed(statement["Action"]))


def all_actions(policy: Policy) -> set[str]:
    return {action for statement in policy["Statement"] for action in actions_of(statement)}


def without(policy: Policy, sid: str) -> Policy:
    """The policy with one statement taken out."""
    return {**policy, "Statement": [each for each in policy["Statement"] if each["Sid"] != sid]}


def _allow_only_actions(policy: Policy) -> Policy:
    # moto compares every resource with "*" and knows no value of a condition.
    return {
        **policy,
        "Statement": [
            {"Effect": each["Effect"], "Action": each["Action"], "Resource": "*"}
            for each in policy["Statement"]
        ],
    }


def user_with(moto: Moto, policy: Policy) -> dict[str, str]:
    """The credentials of a user who has the policy and nothing else."""
    iam = moto.client("iam")
    iam.create_user(UserName="judged")
    document = json.dumps(_allow_only_actions(policy))
    iam.put_user_policy(UserName="judged", PolicyName="only", PolicyDocument=document)
    key = iam.create_access_key(UserName="judged")["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def _calls_without_leave(moto: Moto, count: str) -> None:
    request = urllib.request.Request(
        f"{moto.url}/moto-api/reset-auth",
        data=count.encode(),
        headers={"Content-Type": "text/plain"},
    )
    urllib.request.urlopen(request, timeout=10).close()


@contextlib.contextmanager
def demanding(moto: Moto) -> Iterator[None]:
    """For a `with` block every call needs a known key, its signature and leave for the action."""
    _calls_without_leave(moto, "0")
    try:
        yield
    finally:
        _calls_without_leave(moto, "inf")


def denied_action(answer: Mapping[str, Any]) -> str:
    """The action that a refusal names; empty when it is another error."""
    text = answer.get("error", "")
    if "AccessDenied" not in text:
        return ""
    if of_s3 := re.match(r"s3 (\w+): ", text):
        return f"s3:{of_s3[1]}"
    found = re.search(r"not authorized to perform: ([\w-]+:\w+)", text)
    return found[1] if found else ""
