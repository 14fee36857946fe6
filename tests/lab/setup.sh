#!/bin/bash
# Installs the programs the lab starts, and only those that are missing.
#
# The lab runs its own copies on its own ports, so nothing installed here may start by itself or
# stay enabled: Debian's packages would otherwise bring up a second Prometheus on port 9090.
set -euo pipefail

PATH="$PATH:/usr/sbin:/sbin"

# program:package
needed=(
  prometheus:prometheus
  promtool:prometheus
  prometheus-alertmanager:prometheus-alertmanager
  amtool:prometheus-alertmanager
  prometheus-node-exporter:prometheus-node-exporter
  prometheus-blackbox-exporter:prometheus-blackbox-exporter
  prometheus-redis-exporter:prometheus-redis-exporter
  mtail:mtail
  redis-server:redis-server
  supervisord:supervisor
  dnsmasq:dnsmasq-base
  docker-compose:docker-compose
  haproxy:haproxy
  busybox:busybox-static
  mkfs.ext4:e2fsprogs
  mmdebstrap:mmdebstrap
)

has() { command -v "$1" >/dev/null 2>&1; }

installed() { dpkg-query --show --showformat='${Status}' "$1" 2>/dev/null | grep -q 'ok installed$'; }

# Does an engine answer on a Unix socket? Asked with curl where it is there, else by its presence.
answers() {
  [[ -S $1 ]] || return 1
  has curl || return 0
  curl --silent --fail --max-time 5 --unix-socket "$1" http://engine/_ping >/dev/null
}

# docker.io would displace a docker-ce package, and is of no use beside an engine that answers. A
# docker client alone is no engine.
needs_engine() {
  has dockerd && return 1
  installed docker-ce && return 1
  [[ ${DOCKER_HOST:-} == unix://* ]] && answers "${DOCKER_HOST#unix://}" && return 1
  answers /var/run/docker.sock && return 1
  return 0
}

packages=()
add() {
  local package
  for package in "${packages[@]}"; do
    [[ $package != "$1" ]] || return 0
  done
  packages+=("$1")
}

for pair in "${needed[@]}"; do
  has "${pair%%:*}" || add "${pair#*:}"
done
if needs_engine; then
  add docker.io
fi
[[ ${#packages[@]} -gt 0 ]] || exit 0

if ! has apt-get; then
  echo "The lab needs these Debian packages or their like: ${packages[*]}" >&2
  exit 1
fi
if [[ $(id -u) -ne 0 ]]; then
  echo "Programs are missing for the lab (${packages[*]}). Please run: sudo tests/lab/setup.sh" >&2
  exit 1
fi

enabled() {
  if has systemctl; then
    systemctl list-unit-files --state=enabled --no-legend --no-pager 2>/dev/null | awk '{print $1}'
  fi
}

policy=/usr/sbin/policy-rc.d
saved=$(mktemp -d)
before=$(enabled)

# Also after an installation that failed half-way: what was enabled before stays so, what the new
# packages enabled does not.
finish() {
  local unit
  for unit in $(enabled); do
    if [[ $'\n'$before$'\n' != *$'\n'$unit$'\n'* ]]; then
      systemctl disable --quiet "$unit" || true
    fi
  done
  rm -f "$policy"
  if [[ -e $saved/policy-rc.d || -L $saved/policy-rc.d ]]; then
    mv "$saved/policy-rc.d" "$policy"
  fi
  rmdir "$saved"
}
if [[ -e $policy || -L $policy ]]; then
  mv "$policy" "$saved/policy-rc.d"
fi
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
printf '#!/bin/sh\n# Written by tests/lab/setup.sh for the time of one installation.\nexit 101\n' >"$policy"
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
# From Debian 13 on it is a package of its own.
if ! has promtool && apt-cache show promtool >/dev/null 2>&1; then
  add promtool
fi
apt-get install --yes --quiet --no-install-recommends "${packages[@]}"
echo "Installed for the lab: ${packages[*]}; their services are neither started nor enabled."
