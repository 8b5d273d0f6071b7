#!/bin/sh
# Starts Alertmanager in its container with alertmanager.yml of this folder and the mail settings of the environment.
set -eu
folder=/tmp/alertmanager

# The file holds a password.
umask 077
mkdir -p "$folder"
ln -sf /etc/alertmanager/* "$folder/"
rm -f "$folder/alertmanager.yml"
sh /etc/alertmanager/render.sh < /etc/alertmanager/alertmanager.yml > "$folder/alertmanager.yml"
exec alertmanager --config.file="$folder/alertmanager.yml" "$@"
