#!/usr/bin/python3
"""Plays par-prepare as script.json of the package tells: reads the spec, writes the lines."""

import json
import os
import sys
import time


def say(line):
    """Writes one line of the protocol."""
    print(json.dumps(line), flush=True)


def main():
    """Follows the script."""
    spec = json.load(sys.stdin)
    root = spec["package_path"]
    with open(os.path.join(root, "script.json"), encoding="utf-8") as file:
        script = json.load(file)
    prepare = script.get("prepare", {})
    say({"phase": "fetch"})
    while "wait_for" in prepare and not os.path.exists(os.path.join(root, prepare["wait_for"])):
        time.sleep(0.005)
    for phase in ("verify", "unpack", "manifest", "dependencies"):
        say({"phase": phase})
    say({"event": "Installing dependencies", "fields": {"count": 2}})
    for line in prepare.get("stderr", []):
        print(line, file=sys.stderr, flush=True)
    if "raw" in prepare:
        print(prepare["raw"], flush=True)
    if "exit" in prepare:
        sys.exit(prepare["exit"])
    if "failure" in prepare:
        say({"ok": False, "failure": prepare["failure"]})
        return
    lock = os.path.join(spec["work_dir"], "dependencies.lock")
    with open(lock, "w", encoding="utf-8") as file:
        file.write("one==1 --hash=sha256:00\ntwo==2 --hash=sha256:01\n")
    manifest = {"name": "fake", "version": "1.2.3", **script.get("manifest", {})}
    say(
        {
            "ok": True,
            "manifest": manifest,
            "root": root,
            "package_sha256": "ab" * 32,
            "interpreter": "/usr/bin/python3",
            "interpreter_version": "3.11",
            "venv_python": "/usr/bin/python3",
            "lock_file": prepare.get("lock_file", lock),
            "dotenv": script.get("dotenv", {}),
        }
    )


main()
