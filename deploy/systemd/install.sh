#!/bin/sh
# Installs Pixell as a service: programs and shims in /opt/pixell, units for systemd.
#
#   deploy/systemd/install.sh [--root DIR] [--programs DIR]
#
# --root installs into another root file system (an image that is being made). Nothing is started:
# systemctl daemon-reload && systemctl start pixell
set -eu

here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
root=""
programs=$repository/build/release/bin
while [ $# -gt 0 ]; do
  case $1 in
    --root) root=${2%/} ;;
    --programs) programs=$2 ;;
    *)
      echo "usage: $0 [--root DIR] [--programs DIR]" >&2
      exit 2
      ;;
  esac
  shift 2
done

# New names first, then renamed: running programs stay whole.
bin=$root/opt/pixell/bin
install -d "$bin.new" "$bin" "$root/opt/pixell/share/doc"
for name in pac par par-prepare par-package par-telemetry; do
  install -m 755 -s "$programs/$name" "$bin.new/$name"
  mv "$bin.new/$name" "$bin/$name"
done
rmdir "$bin.new"

share=$root/opt/pixell/share/pixell/workers
rm -rf "$share"
install -d "$share/python" "$share/node"
cp -R "$repository/workers/python/pixell_worker" "$share/python/"
find "$share" -name __pycache__ -prune -exec rm -rf {} +
install -m 644 "$repository"/workers/python/base_requirements.* "$share/python/"
cp -R "$repository/workers/node/src" "$repository/workers/node/package.json" "$share/node/"
chmod -R u=rwX,go=rX "$root/opt/pixell"
install -m 644 "$repository/docs/operating.md" "$root/opt/pixell/share/doc/operating.md"

install -d "$root/etc/systemd/system" "$root/etc/tmpfiles.d"
install -m 644 "$here"/pixell.service "$here"/pixell-backup.service "$here"/pixell-backup.timer \
  "$root/etc/systemd/system/"
install -m 644 "$here/pixell.tmpfiles" "$root/etc/tmpfiles.d/pixell.conf"
install -d -m 700 "$root/etc/pixell" "$root/var/backups/pixell"
if [ ! -e "$root/etc/pixell/pixell.env" ]; then
  install -m 600 "$here/pixell.env" "$root/etc/pixell/pixell.env"
fi
systemctl ${root:+"--root=$root"} enable pixell.service pixell-backup.timer
