#!/bin/sh
# Starts Prometheus in its container with prometheus.yml of this folder. Prometheus expands no variables in addresses,
# so the hosts and ports that the compose files may set are put in on the way; rules and targets are read from where
# they are.
#   start.sh ARGUMENT...    CONFIG names another file of this folder
set -eu
config=${CONFIG:-prometheus.yml}
folder=/tmp/prometheus

# place PORT NEW_HOST NEW_PORT: the command of sed that puts one address in the place of 127.0.0.1:PORT.
place() { printf 's/127\\.0\\.0\\.1:%s\\b/%s:%s/g\n' "$1" "$2" "$3"; }

mkdir -p "$folder"
ln -sf /etc/prometheus/* "$folder/"
rm -f "$folder/$config"
{
    place 10980 "${HOST_NETKESTREL:-127.0.0.1}" "${PORT_NETKESTREL:-10980}"
    place 9090 127.0.0.1 "${PORT_PROMETHEUS:-9090}"
    place 9091 127.0.0.1 "${PORT_PROMETHEUS_2:-9091}"
    place 9093 "${HOST_ALERTMANAGER:-127.0.0.1}" "${PORT_ALERTMANAGER:-9093}"
    place 9095 127.0.0.1 "${PORT_ALERTMANAGER_2:-9095}"
    place 8428 127.0.0.1 "${PORT_STORE:-8428}"
} > "$folder/places.sed"
sed -f "$folder/places.sed" "/etc/prometheus/$config" > "$folder/$config"
exec prometheus --config.file="$folder/$config" "$@"
