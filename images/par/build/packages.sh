#!/bin/sh
# In the image's build: the packages of packages.txt, unless the base has them (rootfs.sh makes such a
# base), and byte code that does not depend on the times of files.
set -eu

packages=$(sed -e 's/#.*//' /build/packages.txt)
# shellcheck disable=SC2086  # a list of words
if [ "$(dpkg-query -W -f '${db:Status-Status}\n' $packages 2>/dev/null | grep -cx installed)" \
  != "$(echo "$packages" | grep -c '[a-z]')" ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q -o Acquire::Retries=5 update
  # shellcheck disable=SC2086
  apt-get -q -o Acquire::Retries=5 install -y --no-install-recommends $packages
  rm -rf /var/lib/apt/lists/* /var/cache/apt
fi

# Checked byte code names the time of its source: the image's files all get one time, and each start
# would compile everything anew, because the file system is read-only.
find /usr/lib/python3* -name __pycache__ -prune -exec rm -rf {} +
python3 -I -B -m compileall -f -q -q --invalidation-mode unchecked-hash /usr/lib/python3.11 /usr/lib/python3 || true
