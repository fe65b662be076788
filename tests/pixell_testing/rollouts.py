"""An app whose traffic the tests move: deployments by strategy, commands, shares."""

from __future__ import annotations

import collections
import json
from pathlib import Path
from typing import Any

from devtool.pac import Pac, Reply, request, wait_until

from .packages import AGENTS, build
from .stack import put

ENDED = ("completed", "failed", "rolled_back")
DEADLINE_S = 120
# Longer than any test takes: only a command ends such a stage.
FOR_EVER_S = 3600

PLAIN_MANIFEST = "name: plain-asgi\nhttp_server: main:app\n"
SETTINGS = "VERSION = {version!r}\nFAIL_EVERY = {fail_every}\nDELAY_MS = {delay_ms}\n"


def plain(
    version: str, *, fail_every: int = 0, delay_ms: int = 0, has_grpc: bool = False
) -> bytes:
    """The agent without a framework, which starts at once; with gRPC when asked."""
    settings = SETTINGS.format(version=version, fail_every=fail_every, delay_ms=delay_ms)
    service = "a2a: {service: 'service:create'}\n" if has_grpc else ""
    manifest = f"{PLAIN_MANIFEST}{service}metadata: {{version: '{version}'}}\n"
    return build(AGENTS / "plain_asgi", {"settings.py": settings, "agent.yaml": manifest})


def canary(*steps: tuple[int, float], **limits: int) -> dict[str, Any]:
    """The strategy with steps of (permille, seconds)."""
    stages = [{"weight_permille": weight, "seconds": seconds} for weight, seconds in steps]
    return {"type": "canary", "steps": stages, **limits}


class MovedApp:
    """One app of a platform."""

    def __init__(self, pac: Pac, name: str, *, is_patient: bool = False) -> None:
        """A patient one asks again while the control plane is away."""
        self.pac = pac
        self.name = name
        self.is_patient = is_patient
        self.url = f"/v1/apps/{name}"
        self.version = f"/agents/{name}/api/version"

    def try_once(self, method: str, path: str, body: Any = None, **headers: str) -> Reply | None:
        """A request of the API; None when the control plane was away, for the patient."""
        payload = None if body is None else json.dumps(body)
        try:
            reply = request(self.pac.url, method, path, body=payload, headers=headers)
        except OSError:
            if not self.is_patient:
                raise
            return None
        return None if self.is_patient and reply.status in (502, 503) else reply

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """A request of the API that may be sent more than once."""
        return wait_until(
            f"{method} {path} is answered",
            lambda: self.try_once(method, path, body, **headers),
            DEADLINE_S,
        )

    def get(self, path: str) -> dict[str, Any]:
        """What a GET of the API says."""
        reply = self.ask("GET", path)
        assert reply.status == 200, (reply.status, reply.text)
        return reply.json()

    # ----------------------------------------------------------------------------- deployments

    def package(self, version: str, **options: Any) -> Path:
        """The package of a version, where the platform may read it."""
        return put(self.pac, f"{self.name}-{version}.apkg", plain(version, **options))

    def deploy(self, source: Path | int | str, **more: Any) -> str:
        """Deploys a package file, a revision by its number or a stored package by its digest;
        returns the deployment's id."""
        names = {int: "revision", str: "package"}
        where = {names[type(source)]: source} if type(source) in names else {}
        if isinstance(source, Path):
            where = {"package_url": source.resolve().as_uri()}
        return self._accepted("deployments", {**where, **more})

    def roll_back(self, revision: int | None = None) -> str:
        """Asks for a former revision, or the one before; returns the deployment's id."""
        body = {} if revision is None else {"revision": revision}
        return self._accepted("rollback", body)

    def _accepted(self, what: str, body: dict[str, Any]) -> str:
        # An answer that was lost on the way is looked for among the deployments.
        before = self._newest() if self.is_patient else ""

        def deployment() -> str | None:
            reply = self.try_once("POST", f"{self.url}/{what}", body)
            if reply is None:
                return self._newest() if self._newest() != before else None
            assert reply.status == 202, reply.text
            return reply.json()["deployment"]["id"]

        return wait_until(f"POST {what} is accepted", deployment, DEADLINE_S)

    def _newest(self) -> str:
        """The id of the newest deployment, empty when there is none."""
        reply = self.ask("GET", f"{self.url}/deployments?limit=1")
        listed = reply.json()["deployments"] if reply.status == 200 else []
        return listed[0]["id"] if listed else ""

    def deployment(self, deployment: str) -> dict[str, Any]:
        return self.get(f"/v1/deployments/{deployment}")["deployment"]

    def end_of(self, deployment: str) -> dict[str, Any]:
        """The deployment once it has ended."""

        def ended() -> dict[str, Any] | None:
            now = self.deployment(deployment)
            return now if now["state"] in ENDED else None

        return wait_until(f"deployment {deployment} ends", ended, DEADLINE_S)

    def complete(self, deployment: str) -> dict[str, Any]:
        """The deployment, which must complete."""
        end = self.end_of(deployment)
        assert end["state"] == "completed", end
        return end

    def stage_of(self, deployment: str, stage: int) -> dict[str, Any]:
        """The open deployment once a stage is in force."""

        def begun() -> dict[str, Any] | None:
            now = self.deployment(deployment)
            assert now["state"] not in ENDED, now
            return now if now["rollout"].get("stage", -1) >= stage else None

        return wait_until(f"stage {stage} begins", begun, DEADLINE_S)

    def command(self, deployment: str, command: str) -> dict[str, Any]:
        """pause, resume, promote or abort; the deployment as it is then."""
        reply = self.ask("POST", f"/v1/deployments/{deployment}/{command}")
        assert reply.status == 200, reply.text
        return reply.json()["deployment"]

    # --------------------------------------------------------------------------------- traffic

    def traffic(self) -> str:
        """What should serve and what does, as text: without the numbers that only ever grow."""
        answer = self.get(f"{self.url}/traffic")
        return json.dumps([answer["traffic"], answer["route"]["legs"]], sort_keys=True)

    def leading(self) -> int:
        """The revision with the largest share."""
        return self.get(self.url)["app"]["desired_revision"]

    def split(self, *legs: tuple[int, int] | tuple[int, int, str], **more: Any) -> Reply:
        """PUT of legs (revision, permille[, tag]); If-Match when `etag` is given."""
        headers = {"If-Match": more.pop("etag")} if "etag" in more else {}
        named = [dict(zip(("revision", "weight_permille", "tag"), leg)) for leg in legs]
        return self.ask("PUT", f"{self.url}/traffic", {"legs": named, **more}, **headers)

    def settings(self, **changes: int) -> None:
        """Changes how the app runs."""
        reply = self.ask("PATCH", self.url, changes)
        assert reply.status == 200, reply.text

    def wait_routed(self, revision: int, permille: int = 1000) -> None:
        """Waits until the route gives a revision this share, and something serves it."""

        def is_routed() -> bool:
            legs = self.get(f"{self.url}/traffic")["route"]["legs"]
            found = [leg for leg in legs if leg["revision"] == revision and leg["targets"] > 0]
            return sum(leg["weight_permille"] for leg in found) == permille

        wait_until(f"revision {revision} has {permille} permille", is_routed, DEADLINE_S)
        # The edge has it within its next poll; what it answers from then on is the new split.
        generation = self.get(f"{self.url}/traffic")["route"]["generation"]

        def is_applied() -> bool:
            explained = self.pac.get(f"/v1/edge/explain?url={self.version}").json()
            return explained["generation"] >= generation

        wait_until("the edge has the route", is_applied, DEADLINE_S)

    # -------------------------------------------------------------------------------- requests

    def at(self, tag: str) -> str:
        """The path of the version at a tag."""
        return self.version.replace(self.name, f"{self.name}@{tag}")

    def revision_of(self, path: str | None = None, **options: Any) -> int:
        """Which revision answers now."""
        reply = self.pac.get(path or self.version, timeout_s=30, **options)
        assert "x-pixell-revision" in reply.headers, (reply.status, reply.text)
        return int(reply.headers["x-pixell-revision"])

    def share(self, requests: int, **options: Any) -> collections.Counter[int]:
        """How many of some requests each revision answers."""
        return collections.Counter(self.revision_of(**options) for _ in range(requests))

    def instances(self, revision: int | None = None) -> dict[str, dict[str, Any]]:
        """The live instances, of one revision or all."""
        return {
            each["id"]: each
            for each in self.get(self.url)["instances"]
            if each["phase"] not in ("stopped", "failed") and revision in (None, each["revision"])
        }

    def wait_instances(self, count: int, revision: int | None = None) -> dict[str, dict[str, Any]]:
        """Waits until exactly so many live instances are there, all of them ready."""

        def settled() -> dict[str, dict[str, Any]] | None:
            now = self.instances(revision)
            is_ready = all(each["phase"] == "ready" for each in now.values())
            return (now or {"": {}}) if len(now) == count and is_ready else None

        return wait_until(f"{count} instances of {self.name}", settled, DEADLINE_S)


def within(count: int, requests: int, permille: int) -> bool:
    """Whether a count is what a share of so many requests gives, within five deviations."""
    share = permille / 1000
    deviation = (requests * share * (1 - share)) ** 0.5
    return abs(count - requests * share) <= 5 * deviation + 1


