#!/bin/sh
# Runs a command as nobody in the root file system of an image, read only but for /work and /tmp, in namespaces of its own.
#   LAYERS   trees of its layers, the uppermost first, with colons between
#   FOLDER   where work and tmp lie, and where things are mounted
#   SETTINGS NAME=VALUE of the command, one a line
#   $@       the command
set -eu
root=$FOLDER/root
mkdir -p "$root" "$FOLDER/upper"
mount --make-rprivate /
mount -t tmpfs tmpfs "$FOLDER/upper"
mkdir "$FOLDER/upper/tree" "$FOLDER/upper/work"
mount -t overlay overlay -o "lowerdir=$LAYERS,upperdir=$FOLDER/upper/tree,workdir=$FOLDER/upper/work" "$root"
mkdir -p "$root/work" "$root/tmp" "$root/proc" "$root/dev"
mount -o remount,ro "$root"
mount --bind "$FOLDER/work" "$root/work"
mount --bind "$FOLDER/tmp" "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
settings=$(mktemp -p "$FOLDER")
printf '%s\n' "$SETTINGS" >"$settings"
exec 9<"$settings"
set -- env -C /work "$@"
while IFS= read -r line <&9; do
	set -- "$line" "$@"
done
exec 9<&-
exec chroot --userspec=65534:65534 "$root" env -i "$@"
