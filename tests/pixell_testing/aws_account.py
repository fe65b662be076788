"""Who we are in an account and what it may have, against moto."""

from __future__ import annotations

from pixell_testing.aws_calls import Aws


def on_identity(aws: Aws) -> None:
    theirs = aws.boto3("sts").get_caller_identity()
    assert aws("sts", "GetCallerIdentity")["Account"] == theirs["Account"]
    role = f"arn:aws:iam::{theirs['Account']}:role/pixell"
    taken = aws("sts", "AssumeRole", RoleArn=role, RoleSessionName="pixell", DurationSeconds=900)
    assert taken["Credentials"]["SessionToken"]


def on_quotas(aws: Aws) -> None:
    asked = {"ServiceCode": "vpc", "QuotaCode": "L-F678F1CE"}  # moto knows those of VPCs alone
    theirs = aws.boto3("service-quotas").get_service_quota(**asked)["Quota"]
    quota = aws("service-quotas", "GetServiceQuota", **asked)["Quota"]
    assert (quota["QuotaName"], quota["Value"]) == (theirs["QuotaName"], theirs["Value"])
