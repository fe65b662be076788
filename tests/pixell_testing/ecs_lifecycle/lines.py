"""The lines that par writes, as a real one writes them: of a boot, its failure, and a stop."""

from __future__ import annotations

import datetime
import json
from typing import Any

EXIT_CODES = {
    "package_not_found": 10,
    "download_failed": 10,
    "manifest_invalid": 11,
    "dependency_not_found": 12,
    "missing_module": 13,
    "startup_timeout": 14,
    "out_of_memory": 15,
    "internal": 70,
}
# What par says of a module that is not there.
BOOT_REPORT = {
    "cause": "missing_module",
    "message": "importing 'routes' for rest.entry: there is no module named 'absent'",
    "evidence": [
        'File "routes.py", line 1, in <module>: import absent',
        "ModuleNotFoundError: No module named 'absent'",
    ],
    "remedy": "Add the module to requirements.txt, or to the package.",
}


class Lines:
    """Makes the lines of one task."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._app = environment.get("AGENT_APP_ID", "")
        self._base = environment.get("BASE_PATH", "/")
        self._package = environment.get("PACKAGE_URL", "")

    def _line(self, at: float, event: str, level: str = "info", **fields: Any) -> str:
        moment = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
        head = {
            "event": event,
            "level": level,
            "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "agentAppId": self._app,
        }
        return json.dumps({**head, **fields}, separators=(",", ":"), ensure_ascii=False)

    def started(self, at: float) -> list[str]:
        ports = {"rest_port": 8080, "a2a_port": 50051, "ui_port": 3000}
        return [
            self._line(
                at,
                "Starting three-surface runtime",
                multiplexed=True,
                **ports,
                base_path=self._base,
            ),
            self._line(at, "Listening", listener="rest", address="0.0.0.0", port=8080),
            self._line(at, "Loading agent package", url=self._package),
        ]

    def ready(self, at: float, boot_ms: float) -> list[str]:
        phases = {"bind": 0.1, "fetch": 1.0, "worker": round(boot_ms, 3)}
        return [
            self._line(
                at,
                "Runtime ready",
                rest_port=8080,
                a2a_port=50051,
                boot_ms=boot_ms,
                phases_ms=phases,
            )
        ]

    def failed(self, at: float, report: dict[str, Any]) -> tuple[list[str], int]:
        """The last line of a boot that failed, and par's exit code."""
        said = {**BOOT_REPORT, **report}
        code = said.setdefault("exit_code", EXIT_CODES.get(said["cause"], 70))
        return [self._line(at, "Boot failed", "error", **said)], code

    def stopping(self, at: float) -> list[str]:
        return [
            self._line(at, "Received shutdown signal", signal="SIGTERM"),
            self._line(at, "Shutting down three-surface runtime"),
            self._line(at, "Marked runtime as not ready, health check will return 503"),
        ]

    def stopped(self, at: float) -> list[str]:
        return [
            self._line(
                at, "Draining connections", connections=0, active_requests=0, grace_seconds=30
            ),
            self._line(at, "Runtime shutdown complete", exit_code=0),
        ]
