#!/bin/sh
# Makes the stack's secrets where they are missing, and starts it. Arguments go to Compose: compose/up.sh --profile ui
set -eu
cd "$(dirname "$0")"

mkdir -p secrets
chmod 0700 secrets
for name in heald-token grafana-password; do
  [ -s "secrets/$name" ] || { head -c 24 /dev/urandom | base64 >"secrets/$name" && chmod 0444 "secrets/$name"; }
done

if docker compose version >/dev/null 2>&1; then
  docker compose -f compose.yml "$@" up -d
else
  docker-compose -f compose.yml "$@" up -d
fi
