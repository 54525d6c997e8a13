#!/bin/sh
# A build where no BuildKit runs yet: start the daemon, build, stop it.
# Arguments: buildkitd, buildctl, settings file, address, then what buildctl is to do.
set -eu
daemon=$1 client=$2 settings=$3 address=$4
shift 4
"$daemon" --config "$settings" &
process=$!
trap 'kill "$process"; wait "$process" || true' EXIT
until "$client" --addr "$address" debug workers >/dev/null 2>&1; do
  kill -0 "$process"
  sleep 0.02
done
"$client" --addr "$address" "$@"
