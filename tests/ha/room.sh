#!/bin/sh
# room.sh ROOT NAME [SOURCE:TARGET[:ro]]... -- COMMAND...
# Runs the command as a container would: in a root of its own that cannot be written, with a host name, the programs of
# this system, a /tmp, and these folders. Wants namespaces of its own for mounts and names (`unshare --mount --uts`).
# The command keeps the process number of this script.
set -eu
root=$1
echo "$2" > /proc/sys/kernel/hostname
shift 2

# into SOURCE TARGET: shows a folder or a file in the root.
into() {
    if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$(dirname "$root$2")" && : > "$root$2"; fi
    mount --rbind "$1" "$root$2"
}

mount -t tmpfs room "$root"
for folder in /usr /bin /sbin /lib /lib64 /etc/alternatives /dev /proc /sys; do
    if [ -L "$folder" ]; then ln -s "$(readlink "$folder")" "$root$folder"; elif [ -d "$folder" ]; then into "$folder" "$folder"; fi
done
while [ "$1" != -- ]; do
    source=${1%%:*} rest=${1#*:}
    into "$source" "${rest%%:*}"
    case $rest in *:ro) mount -o remount,bind,ro "$root${rest%%:*}" ;; esac
    shift
done
shift
mkdir "$root/tmp" && mount -t tmpfs room "$root/tmp"
mount -o remount,ro "$root"
exec chroot "$root" "$@"
