#!/usr/bin/env bash
# Installs the Debian packages that tests and demo use. Quick when all are there; needs root or sudo otherwise.
# Nothing of this is needed to run the service itself.
# Usage: install-system.sh [cluster], where `cluster` adds what the Kubernetes of `make cluster-up` is made of.
set -euo pipefail

packages=(
  ca-certificates
  python3 python3-venv  # the virtual environment, when no newer Python is on PATH
  docker-registry       # the real registry that images are pushed to
  mmdebstrap            # makes the base image
  skopeo buildah runc   # read and run what was built: independent of the code under test; buildah builds, too
  slirp4netns iproute2  # the network that builds by buildah have
  busybox-static        # the content of small images
  uidmap                # user namespaces for mmdebstrap and buildah without root
  qemu-user             # other CPU models, on which the same layers must come out
  curl openssl          # the lines of the page on the HTTP API
  postgresql            # the other database, for what replicas share
  docker.io containerd  # runtimes that load, pull and unpack what was built
)
if [ "${1:-}" = cluster ]; then
  packages+=(
    etcd-server containerd                          # the store and the container runtime
    containernetworking-plugins iptables            # the network of pods
    conntrack mount util-linux procps               # what kube-proxy, kubelet and the node's namespaces call
  )
fi
# Tools that came in another way (a git or node of one's own) count as present.
command -v git >/dev/null || packages+=(git)
command -v make >/dev/null || packages+=(make)
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "install-system.sh: no apt-get here; install these by hand: ${missing[*]}" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "install-system.sh: run as root: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi

# Debian starts the services it installs; tests start their own registry, so starting is forbidden for the moment.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi

echo "Installing Debian packages: ${missing[*]}"
log=$(mktemp)
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}" \
    </dev/null >"$log" 2>&1
}
if ! install; then
  "${as_root[@]}" apt-get update </dev/null >"$log" 2>&1 || true
  install || { tail -n 30 "$log" >&2; exit 1; }
fi
rm -f "$log"
