#!/usr/bin/env bash
# Builds the Go programs that tests use as independent judges, at exact versions, into a cache outside the checkout.
# Returns at once when they are there. Without Go it says so and goes on: the tests that need them skip with their name.
set -euo pipefail

CRANE=v0.20.6  # validates images: digests, sizes and diff IDs of every layer

tools=${HUBLISH_TEST_CACHE:-$HOME/.cache/hublish-test}/tools
crane=$tools/crane-$CRANE
[ -x "$crane" ] && exit 0

if ! command -v go >/dev/null; then
  echo "install-tools.sh: no go on PATH, so crane is not built; tests that need it are skipped" >&2
  exit 0
fi
mkdir -p "$tools"
staging=$(mktemp -d "$tools/.building-XXXXXX")
trap 'rm -rf "$staging"' EXIT
if ! log=$(GOBIN=$staging go install "github.com/google/go-containerregistry/cmd/crane@$CRANE" 2>&1); then
  printf '%s\n' "$log" >&2
  exit 1
fi
mv "$staging/crane" "$crane"
