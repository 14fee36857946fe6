#!/bin/sh
# Memory of the running services and their limits, for node exporter's textfile collector and UnitMemoryHigh in
# alert-rules/worker.yml. From a timer, each 15 s or 30 s:
#
#   alert-rules/textfile/unit-memory.sh /var/lib/prometheus/node-exporter/unit-memory.prom
#
# Without a file it prints. It only reads; MemoryCurrent needs MemoryAccounting=, the default.
set -eu
out=${1:-}

# First, and by itself: when systemd does not answer, the file before stays, and grows old (TextfileStale).
shown=$(systemctl show --type=service --state=running --property=Id,MemoryCurrent,MemoryMax '*.service')

metrics() {
  echo '# HELP unit_memory_bytes Memory of a service, MemoryCurrent of systemd.'
  echo '# TYPE unit_memory_bytes gauge'
  echo '# HELP unit_memory_limit_bytes MemoryMax of a service that has one.'
  echo '# TYPE unit_memory_limit_bytes gauge'
  # One block of lines per unit, an empty line between two; a value that is no number ([not set], infinity) is no series.
  printf '%s\n' "$shown" | awk -F= '
    function flush() {
      if (id != "" && now ~ /^[0-9]+$/ && length(now) < 19) {
        printf "unit_memory_bytes{unit=\"%s\"} %s\n", id, now
        if (max ~ /^[0-9]+$/ && length(max) < 19) printf "unit_memory_limit_bytes{unit=\"%s\"} %s\n", id, max
      }
      id = now = max = ""
    }
    $0 == "" { flush(); next }
    $1 == "Id" { id = $2; gsub(/\\/, "\\\\", id) }
    $1 == "MemoryCurrent" { now = $2 }
    $1 == "MemoryMax" { max = $2 }
    END { flush() }'
}

if [ -z "$out" ]; then
  metrics
else
  metrics >"$out.tmp.$$"
  mv "$out.tmp.$$" "$out"
fi
