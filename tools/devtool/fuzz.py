"""`./dev fuzz NAME`: looks for new crashing inputs with libFuzzer.

The targets are tests/fuzz/<name>.cpp. gcc replays their corpus as ordinary unit tests; finding new
inputs needs clang-19, which is installed on the first use only.
"""

import shutil

from devtool.bootstrap import install_debian_packages
from devtool.build import build
from devtool.paths import DEV_DIR, ROOT, build_dir
from devtool.shell import Failure, run, say

PACKAGES = ["clang-19", "libclang-rt-19-dev"]
CORPUS = ROOT / "tests" / "fuzz" / "corpus"


def fuzz(name: str, seconds: int) -> int:
    """Fuzzes one target for a while; 0 when nothing crashed."""
    known = sorted(path.stem for path in (ROOT / "tests" / "fuzz").glob("*.cpp"))
    known = [stem for stem in known if stem != "replay"]
    if name not in known:
        raise Failure(f"there is no fuzz target {name}; there are: {', '.join(known) or 'none'}")
    install_debian_packages(PACKAGES)
    build("fuzz", [f"fuzz_{name}"])
    # New inputs that reach new code are kept here; a crash goes into the corpus with its fix.
    found = DEV_DIR / "fuzz" / name
    found.mkdir(parents=True, exist_ok=True)
    crashes = DEV_DIR / "fuzz" / f"{name}-crashes"
    shutil.rmtree(crashes, ignore_errors=True)
    crashes.mkdir(parents=True)
    program = build_dir("fuzz") / "tests" / "fuzz" / f"fuzz_{name}"
    options = [f"-max_total_time={seconds}", "-timeout=5", f"-artifact_prefix={crashes}/"]
    code = run([program, *options, found, CORPUS / name], timeout_s=seconds + 120)
    for crash in sorted(crashes.iterdir()):
        say(f"fuzz: crashing input {crash}; copy it to {(CORPUS / name).relative_to(ROOT)}/")
    return code
