"""The signer agrees with AWS's own vectors and, on random requests, with botocore."""

from __future__ import annotations

import datetime
import random
import urllib.parse

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pixell_testing.aws import probe, signature_suite

CASES = 6000
# Fixed, so that a failure comes again; change it to look elsewhere.
SEED = 20130524


def milliseconds(moment: datetime.datetime) -> int:
    return int(moment.timestamp() * 1000)


def test_the_vectors_of_the_javascript_sdk() -> None:
    suite = signature_suite()
    moment = datetime.datetime.fromisoformat(suite["signingDate"].replace("Z", "+00:00"))
    asked = []
    for case in suite["requests"]:
        request = case["request"]
        query = []
        for name, value in request["query"].items():
            query += [(name, each) for each in (value if isinstance(value, list) else [value])]
        # The date is what signing adds.
        headers = [pair for pair in request["headers"].items() if pair[0] != "x-amz-date"]
        asked.append(
            {
                "op": "sign",
                "access_key": suite["credentials"]["accessKeyId"],
                "secret_key": suite["credentials"]["secretAccessKey"],
                "region": suite["region"],
                "service": suite["service"],
                "time": milliseconds(moment),
                "method": request["method"],
                "path": request["path"],
                "query": query,
                "headers": headers,
                "body": request.get("body", ""),
            }
        )

    answers = probe(asked)

    assert len(answers) == len(suite["requests"]) >= 20
    for case, answer in zip(suite["requests"], answers, strict=True):
        assert dict(answer["headers"])["Authorization"] == case["authorization"], case["name"]


LETTERS = "abcXYZ019-_.~/+=&?%#!'()*,;:@$ \"<>[]{}|\\^`éü日本🙂"


class Generator:
    """Random requests that a client may want to send."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self, longest: int, letters: str = LETTERS) -> str:
        return "".join(self.random.choices(letters, k=self.random.randint(0, longest)))

    def path(self, is_s3: bool) -> str:
        """A path as it is sent."""
        raw = "/" + self.text(30)
        if self.random.random() < 0.3:
            raw += self.random.choice(("//", "/./", "/../", "/a/../b", "/.", "/..", "%2F", "/%"))
        safe = "/" if is_s3 or self.random.random() < 0.5 else "/!'()*"
        return urllib.parse.quote(raw, safe=safe + "~")

    def headers(self, host: str) -> list[tuple[str, str]]:
        headers = [("Host", host)]
        for number in range(self.random.randint(0, 4)):
            name = self.random.choice(("X-Amz-Meta-A", "Content-Type", "x-custom", "Range"))
            value = " ".join(
                self.text(6, "abcXYZ019-_.,;=/ \t\"éü") for _ in range(self.random.randint(0, 3))
            )
            headers.append((f"{name}-{number}" if name.startswith("x") else name, value))
        if self.random.random() < 0.3:
            headers += [("User-Agent", "pixell"), ("X-Amzn-Trace-Id", "Root=1"), ("Expect", "x")]
        return headers

    def request(self) -> dict:
        is_s3 = self.random.random() < 0.5
        is_presigned = self.random.random() < 0.4
        moment = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(
            seconds=self.random.randint(0, 400_000_000)
        )
        query = {self.text(8) or "k": self.text(12) for _ in range(self.random.randint(0, 4))}
        host = self.random.choice(
            ("b.s3.us-east-2.amazonaws.com", "127.0.0.1:5000", "[::1]:9", "ecs.eu-west-1.amazonaws.com")
        )
        return {
            "op": "presign" if is_presigned else "sign",
            "s3": is_s3,
            "access_key": "AKID" + self.text(8, "ABC234"),
            "secret_key": self.text(40) or "s",
            "session_token": self.random.choice(("", self.text(60, "abcXYZ019/+=") or "t")),
            "region": self.random.choice(("us-east-1", "us-east-2", "eu-central-1", "cn-north-1")),
            "service": "s3" if is_s3 else self.random.choice(("ecs", "elasticloadbalancing", "sts")),
            "time": milliseconds(moment),
            "life": self.random.randint(1, 604800),
            "method": self.random.choice(("GET", "HEAD", "PUT", "POST", "DELETE")),
            "path": self.path(is_s3),
            "query": list(query.items()),
            "headers": self.headers(host),
            "body": "" if is_presigned else self.text(200),
            # What S3 does not want to know of a presigned request.
            "payload_hash": "UNSIGNED-PAYLOAD" if is_presigned and is_s3 else "",
        }


def by_botocore(case: dict, monkeypatch: pytest.MonkeyPatch) -> str:
    """The signature that botocore makes."""
    moment = datetime.datetime.fromtimestamp(case["time"] / 1000, datetime.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_: moment)
    host = dict(case["headers"])["Host"]
    query = urllib.parse.urlencode(case["query"], quote_via=urllib.parse.quote, safe="-_.~")
    request = AWSRequest(
        method=case["method"],
        url=f"https://{host}{case['path']}" + (f"?{query}" if query else ""),
        data=case["body"].encode(),
    )
    for name, value in case["headers"]:
        request.headers[name] = value
    credentials = Credentials(
        case["access_key"], case["secret_key"], case["session_token"] or None
    )
    arguments = (credentials, case["service"], case["region"])
    if case["op"] == "sign":
        signer = botocore.auth.S3SigV4Auth if case["s3"] else botocore.auth.SigV4Auth
        signer(*arguments).add_auth(request)
        return request.headers["Authorization"]
    signer = botocore.auth.S3SigV4QueryAuth if case["s3"] else botocore.auth.SigV4QueryAuth
    signer(*arguments, expires=case["life"]).add_auth(request)
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.url).query))["X-Amz-Signature"]


def test_random_requests_are_signed_as_botocore_signs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = Generator(SEED)
    cases = [generator.request() for _ in range(CASES)]

    answers = probe(cases)

    assert len(answers) == CASES
    wrong = []
    for case, answer in zip(cases, answers, strict=True):
        ours = (
            dict(answer["headers"])["Authorization"]
            if case["op"] == "sign"
            else dict(answer["query"])["X-Amz-Signature"]
        )
        if ours != by_botocore(case, monkeypatch):
            wrong.append((case, answer["canonical_request"]))
    assert not wrong, f"{len(wrong)} of {CASES} differ (seed {SEED}), the first: {wrong[0]}"
