#!/bin/sh
# Makes blocks for Prometheus of the files that `netkestrel demo` writes, as they appear, and ends with the last one.
#   blocks.sh FROM TO
set -eu
from=$1 to=$2

while :; do
    # Looked for before the files, so that none of them is left behind.
    if [ -e "$from/written" ]; then last=yes; else last=no; fi
    for file in "$from"/*.om; do
        [ -e "$file" ] || continue
        echo "block ${file##*/}"
        promtool tsdb create-blocks-from openmetrics "$file" "$to" > /dev/null
        rm "$file"
    done
    [ "$last" = no ] || break
    sleep 1
done
# The user of Prometheus in its image.
chown -R 65534:65534 "$to"
