#!/bin/sh
# Installs Debian packages on top of a root file system, in a mount namespace of its own: what is new or different stays
# in the folder $UPPER, and nothing else changes.
#   LOWER    root file systems below it, the uppermost first, with colons between
#   UPPER    where the difference goes; what lies in it already is there from the start
#   LISTS    apt's lists of packages, read only
#   PREPARE  shell commands that are run in the result
#   $@       packages
set -eu
folder=$(dirname "$UPPER")
merged=$folder/merged
mkdir -p "$merged" "$folder/work"
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$folder/work" "$merged"
mount -t proc proc "$merged/proc"

cat >"$folder/apt.conf" <<END
Dir "$merged";
Dir::State::lists "$LISTS";
Dir::Etc::Trusted "/etc/apt/trusted.gpg";
Dir::Etc::TrustedParts "/etc/apt/trusted.gpg.d";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
DPkg::Chroot-Directory "$merged";
END
export APT_CONFIG="$folder/apt.conf" DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ $# -gt 0 ]; then
	# Manuals are left out, but update-alternatives wants to link them.
	for n in 1 2 3 4 5 6 7 8; do mkdir -p "$merged/usr/share/man/man$n"; done
	apt-get -y -q install "$@"
fi
if [ -n "$PREPARE" ]; then
	env -i PATH="$PATH" LC_ALL="$LC_ALL" chroot "$merged" /bin/sh -exc "$PREPARE"
fi
rm -rf "$merged"/var/cache/apt/* "$merged"/var/cache/debconf/* "$merged"/var/log/* "$merged"/tmp/* "$merged"/var/lib/dpkg/*-old "$merged"/usr/share/man/*
