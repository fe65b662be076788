"""Writes every broken package into a folder: `python -m broken_packages <folder>`."""

from __future__ import annotations

import argparse
from pathlib import Path

from broken_packages import ROWS


def main() -> None:
    """One .apkg per row, and a line that says what is wrong with it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for row in ROWS:
        path = folder / f"{row.name.replace(' ', '_')}.apkg"
        path.write_bytes(row.make())
        print(f"{path}: {row.cause}")


if __name__ == "__main__":
    main()
