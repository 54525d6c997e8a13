#!/usr/bin/env bash
# Builds the Go programs that tests use as independent judges, at exact versions, into a cache outside the checkout.
# Returns at once when they are there. Without Go it says so and goes on: the tests that need them skip with their name.
set -euo pipefail
cd "$(dirname "$0")"

CRANE=v0.20.6  # validates images: digests, sizes and diff IDs of every layer
S2I=v1.5.1     # writes the Dockerfiles that ours are compared with; version and sums stand in judges/go.mod and go.sum

tools=${HUBLISH_TEST_CACHE:-$HOME/.cache/hublish-test}/tools
crane=$tools/crane-$CRANE
s2i=$tools/s2i-$S2I
judge=$tools/dockerfile-judge-$(cat judges/main.go judges/go.sum | sha256sum | cut -c1-16)
[ -x "$crane" ] && [ -x "$s2i" ] && [ -x "$judge" ] && exit 0

if ! command -v go >/dev/null; then
  echo "install-tools.sh: no go on PATH, so crane, s2i and dockerfile-judge are not built; their tests are skipped" >&2
  exit 0
fi
mkdir -p "$tools"
staging=$(mktemp -d "$tools/.building-XXXXXX")
trap 'rm -rf "$staging"' EXIT

# build NAME TARGET COMMAND...: the command leaves NAME in $staging.
build() {
  local log name=$1 target=$2
  shift 2
  [ -x "$target" ] && return
  log=$("$@" 2>&1) || { printf '%s\n' "$log" >&2; exit 1; }
  mv "$staging/$name" "$target"
}
build crane "$crane" env GOBIN="$staging" go install "github.com/google/go-containerregistry/cmd/crane@$CRANE"
build s2i "$s2i" go build -C judges -tags containers_image_openpgp,exclude_graphdriver_btrfs -o "$staging/s2i" \
  github.com/openshift/source-to-image/cmd/s2i
build dockerfile-judge "$judge" go build -C judges -o "$staging/dockerfile-judge" .
