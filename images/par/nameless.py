"""Takes what buildah names anew in each build out of an image's configuration.

With equal files and times everything else of an image is equal already: what is left are the name
of the container it was built in, and those of the images on the way to it (`parent`, `FROM`
comments). `nameless.py FOLDER` changes an image that `buildah push … dir:FOLDER` wrote (docker
format, image manifest version 2, schema 2).
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any


def without_names(document: dict[str, Any]) -> dict[str, Any]:
    """The configuration of an image, with nothing in it that differs from build to build."""
    for name in ("container", "parent"):
        document.pop(name, None)
    for part in ("config", "container_config"):
        document.get(part, {}).pop("Hostname", None)
    for step in document.get("history", []):
        if step.get("comment", "").startswith("FROM "):
            del step["comment"]
    return document


def main(folder: Path) -> None:
    """Writes the configuration and the manifest that names it anew."""
    manifest_file = folder / "manifest.json"
    manifest = json.loads(manifest_file.read_bytes())
    entry = manifest["config"]
    old = folder / entry["digest"].removeprefix("sha256:")
    content = json.dumps(without_names(json.loads(old.read_bytes())), separators=(",", ":")).encode()
    old.unlink()
    digest = hashlib.sha256(content).hexdigest()
    (folder / digest).write_bytes(content)
    entry.update(digest=f"sha256:{digest}", size=len(content))
    manifest_file.write_text(json.dumps(manifest, separators=(",", ":")), encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
