#!/bin/sh
# In the image's build: the environment of agents that declare no dependencies, made by the program
# that looks for it later, from the wheels of the context alone.
set -eu

share=/opt/pixell/share/pixell
# Answers are lines of JSON; the last one says whether it went well.
/opt/pixell/bin/par-prepare --warm <<SPEC | tee /tmp/warm.log
{"env_store": "$share/environments", "base_lock": "$share/workers/python/base_requirements.lock",
 "wheelhouse": "/wheels", "offline": true, "install_timeout_s": 600}
SPEC
tail -n 1 /tmp/warm.log | grep -q '"ok":true'
# What a store keeps beside its entries is of the machine that made them.
find "$share/environments" -mindepth 1 -maxdepth 1 -name '.*' -exec rm -rf {} +
