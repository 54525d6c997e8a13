#!/usr/bin/env bash
# Installs what the GitHub sandbox needs (the emulator and its own Node) from package-lock.json into node_modules.
# Prints nothing on success and returns at once when the lock is installed already. Needs npm.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v npm >/dev/null; then
  echo "npm is missing: install it first (Debian: apt-get install npm)" >&2
  exit 1
fi
if [ -x node_modules/.bin/node ] && cmp -s package-lock.json node_modules/.hublish-lock; then
  exit 0
fi
# Scripts stay off: Node comes as a plain package of this platform, checked by the lock's hash.
if ! log=$(npm ci --ignore-scripts --no-audit --no-fund --loglevel=error 2>&1); then
  printf '%s\n' "$log" >&2
  exit 1
fi
cp package-lock.json node_modules/.hublish-lock
