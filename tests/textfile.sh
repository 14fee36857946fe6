#!/usr/bin/env bash
# The textfile scripts of the alert rules, over what systemctl says of four units: series for those with numbers, none for the rest.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cat >"$scratch/systemctl" <<'SYSTEMCTL'
#!/bin/sh
[ ! -e "$0.down" ] || exit 1
printf 'Id=%s\nMemoryCurrent=%s\nMemoryMax=%s\n\n' a.service 1000 2000 'b\x2d1.service' '[not set]' infinity c.service 500 infinity \
  d.service 18446744073709551615 5
SYSTEMCTL
chmod +x "$scratch/systemctl"
run() { PATH="$scratch:$PATH" alert-rules/textfile/unit-memory.sh "$@"; }

run | promtool check metrics
run | grep -v '^#' | diff -u - <(printf '%s\n' 'unit_memory_bytes{unit="a.service"} 1000' \
  'unit_memory_limit_bytes{unit="a.service"} 2000' 'unit_memory_bytes{unit="c.service"} 500')

# When systemd does not answer, the file before stays.
run "$scratch/unit-memory.prom"
touch "$scratch/systemctl.down"
if run "$scratch/unit-memory.prom"; then echo "a systemctl that fails must be an error" >&2; exit 1; fi
grep -q 'unit="a.service"' "$scratch/unit-memory.prom"
echo "the textfile scripts are good"
