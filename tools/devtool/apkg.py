"""Packages (.apkg) of a folder, byte for byte the same each time."""

import zipfile
from pathlib import Path

SKIPPED = {"__pycache__", ".git", ".venv", ".DS_Store"}
# The earliest time a zip entry can carry: contents, not clocks, make the digest.
EPOCH = (1980, 1, 1, 0, 0, 0)


def write_apkg(folder: Path, target: Path, replace: dict[str, str] | None = None) -> Path:
    """Zips `folder` into `target` (replaced as a whole); returns `target`.

    `replace` gives files another text than the one on disk, or adds them, by relative path.
    """
    texts = dict(replace or {})
    part = target.with_name(target.name + ".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if not path.is_file() or SKIPPED & set(relative.parts):
                continue
            text = texts.pop(relative.as_posix(), None)
            add_entry(
                archive, relative.as_posix(), path.read_bytes() if text is None else text.encode()
            )
        for name, text in sorted(texts.items()):
            add_entry(archive, name, text.encode())
    part.replace(target)
    return target


def add_entry(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Adds one regular file with a fixed time and mode."""
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = 0o100644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
