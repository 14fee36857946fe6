#!/usr/bin/env bash
# Runs the real mtail over the sample logs and compares every count with alert-rules/mtail/tests/expected.txt.
# A line that should count and does not, or counts twice or under another name, or should not and does: all fail.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Without a program that compiles mtail ends well and counts nothing: compile first.
mtail --compile_only --logtostderr --progs alert-rules/mtail 2>"$scratch/compile" || { cat "$scratch/compile" >&2; exit 1; }
mtail --one_shot --one_shot_format=prometheus --emit_prog_label=false --logtostderr \
  --progs alert-rules/mtail --logs 'alert-rules/mtail/tests/logs/*' >"$scratch/page" 2>"$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
grep '^heald_' "$scratch/page" | LC_ALL=C sort >"$scratch/counted"
grep -v '^#' alert-rules/mtail/tests/expected.txt | LC_ALL=C sort >"$scratch/expected"
diff -u --label expected --label counted "$scratch/expected" "$scratch/counted"
echo "mtail counts $(wc -l <"$scratch/counted") series as expected"
