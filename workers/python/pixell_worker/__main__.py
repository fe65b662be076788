"""Entry point, as a module (`-m pixell_worker`) or by the path of this file."""

import os
import sys


def _forget_own_folders() -> None:
    """Makes the package importable, and its folders invisible to the agent's imports."""
    package_dir = os.path.dirname(os.path.abspath(__file__))
    parent = os.path.dirname(package_dir)
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") not in (package_dir, parent)]
    sys.path.insert(0, parent)
    import pixell_worker.main  # noqa: F401 - imported while its folder is on the path

    sys.path.remove(parent)


if __name__ == "__main__":
    _forget_own_folders()
    from pixell_worker.main import run

    run()
