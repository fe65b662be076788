#!/bin/sh
# In the image's build: copies the root file system to /image without what only an installation needs.
# dpkg's own list of packages stays true, so that scanners see what is there.
set -eu

mkdir /image
tar --create --one-file-system --exclude=./image --exclude=./build --exclude='./proc/*' \
  --exclude='./sys/*' --exclude='./dev/*' --exclude='./run/*' --exclude='./tmp/*' \
  --exclude='./var/tmp/*' -C / . | tar --extract --preserve-permissions -C /image

# Scripts of packages are for living systems; without them removing a package removes its files.
rm -f /image/var/lib/dpkg/info/*.postinst /image/var/lib/dpkg/info/*.prerm \
  /image/var/lib/dpkg/info/*.postrm /image/var/lib/dpkg/info/*.preinst
# What installs, what makes users and sessions, and the libraries that nothing else needs then.
removed="apt libapt-pkg6.0 perl-base gpgv debian-archive-keyring debconf dpkg libmd0 openssl
  adduser login passwd libpam-modules libpam-modules-bin libpam-runtime libpam0g libaudit1
  libaudit-common libcap-ng0 mount util-linux util-linux-extra bsdutils libsystemd0 libudev1
  libmount1 libblkid1 libsmartcols1 libgcrypt20 libgpg-error0 liblz4-1 libcap2 libgdbm6
  libgdbm-compat4 e2fsprogs logsave libext2fs2 libss2 sysvinit-utils init-system-helpers
  hostname ncurses-base ncurses-bin diffutils mawk usrmerge usr-is-merged"
present=""
for package in $removed; do
  if dpkg-query --admindir=/image/var/lib/dpkg -W "$package" >/dev/null 2>&1; then
    present="$present $package"
  fi
done
# Its warnings are about what is wanted: others depend on these packages.
# shellcheck disable=SC2086
dpkg --root=/image --force-all --purge $present >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; exit 1; }

cd /image
rm -rf usr/lib/python3.11/test usr/lib/python3.11/pydoc_data usr/lib/python3.11/lib2to3 \
  usr/lib/x86_64-linux-gnu/gconv usr/share/locale usr/share/man usr/share/info usr/share/lintian \
  usr/share/bash-completion usr/share/pam usr/share/pam-configs usr/share/debconf usr/share/perl5 \
  usr/share/zoneinfo/right usr/share/zoneinfo/posix var/cache/* var/log/* var/lib/apt var/backups/* \
  var/lib/dpkg/info/*.md5sums var/lib/dpkg/info/*.triggers var/lib/dpkg/*-old etc/apt etc/cron* \
  etc/machine-id etc/hostname etc/resolv.conf etc/passwd- etc/shadow- etc/group- etc/gshadow- root/.[!.]*
# Byte code of Debian's own tools, which looks at its source's time or content.
find usr/share -depth -type d -name __pycache__ -exec rm -rf {} +
# Nobody becomes somebody else in here.
find . -xdev -type f -perm /6000 -exec chmod ug-s {} +

echo 'pixell:x:10001:10001:Pixell agent:/var/lib/pixell:/usr/sbin/nologin' >> etc/passwd
echo 'pixell:x:10001:' >> etc/group
mkdir -p var/lib/pixell usr/local/bin usr/local/lib/python3.11/dist-packages
chown 10001:10001 var/lib/pixell
ln -sf /usr/bin/python3.11 usr/local/bin/python
chmod 1777 tmp var/tmp
