#!/usr/bin/env bash
# Builds the image's base from Debian packages alone, for places that reach no image registry:
#
#   images/par/rootfs.sh OUT.tar
#
# OUT.tar is a root file system with the packages of build/packages.txt, which the Dockerfile takes in
# place of debian:bookworm-slim (`buildah add` or `docker import` makes an image of it; context.py and
# scripts/deploy_par.sh do that). Equal packages and SOURCE_DATE_EPOCH give equal bytes.
#
#   DEBIAN_MIRROR      where packages come from; default: the mirrors of this machine's apt
#   SOURCE_DATE_EPOCH  seconds; no file is newer; default: the time of the last commit
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
if [ $# -ne 1 ]; then
  echo "usage: $0 OUT.tar" >&2
  exit 2
fi
out=$1
if ! command -v mmdebstrap >/dev/null; then
  echo "Error: mmdebstrap is not installed (apt-get install mmdebstrap)" >&2
  exit 1
fi
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

packages=$(sed -e 's/#.*//' -e '/^ *$/d' "$here/build/packages.txt" | paste -sd,)
sources=()
if [ -n "${DEBIAN_MIRROR:-}" ]; then
  sources=("deb $DEBIAN_MIRROR bookworm main")
else
  # The archive of packages, its updates and its security updates, wherever this machine finds them.
  sources=(
    "deb http://deb.debian.org/debian bookworm main"
    "deb http://deb.debian.org/debian bookworm-updates main"
    "deb http://deb.debian.org/debian-security bookworm-security main"
  )
fi

# What debian:bookworm-slim leaves out, too.
excludes=(
  '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/info/*' '/usr/share/locale/*'
  '/usr/share/lintian/*' '/usr/share/linda/*' '/usr/share/groff/*'
)
options=(--dpkgopt=force-unsafe-io)
for path in "${excludes[@]}"; do options+=("--dpkgopt=path-exclude=$path"); done
options+=("--dpkgopt=path-include=/usr/share/doc/*/copyright")

rm -f "$out.partial"
printf "%s\n" "${sources[@]}" | mmdebstrap --quiet --mode=auto --variant=essential \
  --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
  --architectures=amd64 --include="usr-is-merged,$packages" "${options[@]}" \
  --customize-hook='rm -f "$1"/etc/hostname "$1"/etc/resolv.conf' \
  --format=tar bookworm "$out.partial" -
mv "$out.partial" "$out"
