#!/usr/bin/env bash
# compose/ and the examples of docs/: every file is taken by the program that reads it, alerts go where they should, and
# the parts of the stack fit together. What a machine lacks is named and passed over, but for promtool and amtool.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"

work=$(mktemp -d)
alertmanager=
trap '[[ -z $alertmanager ]] || kill "$alertmanager" 2>/dev/null || true; rm -rf "$work"' EXIT
fail() { echo "tests/stack.sh: $*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1 || { echo "passed over: $1 is not here"; return 1; }; }

promtool check config compose/prometheus.yml
amtool check-config compose/alertmanager.yml
if has prometheus-blackbox-exporter; then
  prometheus-blackbox-exporter --config.check --config.file=compose/blackbox.yml 2>"$work/log" || fail "$(<"$work/log")"
fi
if has haproxy; then
  haproxy -c -q -f compose/engine-proxy.cfg
fi

# --- who hears of which alert: heald only of what it may repair, people of everything
routes() { amtool config routes test --config.file="$config" --verify.receivers="$@" >/dev/null 2>&1 || fail "wrong route: $*"; }
all_routes() {
  routes heald,humans alertname=ContainerDown remediate=auto
  routes heald,humans alertname=ContainerDown remediate=auto service=shop host=web-1
  routes heald,humans alertname=X remediate=ask
  routes humans alertname=X remediate=never
  routes humans alertname=X
  routes humans alertname=X remediate=automatic
  routes heald-watchdog alertname=Watchdog
  routes heald-watchdog alertname=Watchdog severity=none
  # What is wrong with heald goes past heald, whatever it says.
  routes humans alertname=HealdDown service=heald remediate=never
  routes humans alertname=HealdDown service=heald remediate=auto
}
config=compose/alertmanager.yml
all_routes

# --- the examples of docs/: the fenced blocks, put together as their text says
# block FILE N: the Nth block of YAML.
block() { awk -v wanted="$2" '/^```yaml/ { n++; inside = n == wanted; next } /^```/ { inside = 0 } inside' "$1"; }
{
  printf 'route:\n  receiver: humans\n  routes:\n'
  block docs/alertmanager.md 1
  printf '    - receiver: humans\ninhibit_rules:\n'
  block docs/alertmanager.md 2
  printf 'receivers:\n  - name: humans\n'
  block docs/alertmanager.md 3
} >"$work/pasted.yml"
amtool check-config "$work/pasted.yml" >"$work/log" 2>&1 || fail "docs/alertmanager.md: $(<"$work/log")"
config=$work/pasted.yml
all_routes
grep -q '^receivers:' "$work/pasted.yml" && grep -q 'tls_config' docs/alertmanager.md || fail "docs/alertmanager.md has other blocks"
{
  printf 'route: { receiver: heald }\nreceivers:\n  - name: heald\n    webhook_configs:\n      - url: https://web-1.example:9595/api/v1/alerts\n'
  block docs/alertmanager.md 6
} >"$work/mtls.yml"
{
  printf 'route:\n  receiver: humans\n  routes:\n'
  block docs/alertmanager.md 4
  printf '    - receiver: humans\nreceivers: [{ name: humans }, { name: heald-web-1 }]\n'
} >"$work/hosts.yml"
amtool config routes test --config.file="$work/hosts.yml" --verify.receivers=heald-web-1,humans host=web-1 remediate=auto >"$work/log" 2>&1 ||
  fail "docs/alertmanager.md, several hosts: $(<"$work/log")"
mkdir -p "$work/etc"
amtool check-config "$work/mtls.yml" >"$work/log" 2>&1 || fail "docs/alertmanager.md, mTLS: $(<"$work/log")"
printf 'route: { receiver: heald }\nreceivers: [{ name: heald, webhook_configs: [{ url: "http://h/", http_config: { basic_auth: { username: alertmanager, password_file: /etc/alertmanager/heald-password } } }] }]\n' >"$work/basic.yml"
grep -qF 'http_config: { basic_auth: { username: alertmanager, password_file: /etc/alertmanager/heald-password } }' docs/alertmanager.md ||
  fail "docs/alertmanager.md has another example of basic auth"
amtool check-config "$work/basic.yml" >"$work/log" 2>&1 || fail "docs/alertmanager.md, basic auth: $(<"$work/log")"
{
  echo 'scrape_configs: []'
  block docs/alertmanager.md 7
  block docs/alertmanager.md 8
} >"$work/pair.yml"
promtool check config "$work/pair.yml" >"$work/log" 2>&1 || fail "docs/alertmanager.md, two of them: $(<"$work/log")"
block docs/prometheus.md 1 | sed "s|/etc/prometheus/rules|$PWD/alert-rules|" >"$work/existing.yml"
promtool check config "$work/existing.yml" >"$work/log" 2>&1 || fail "docs/prometheus.md: $(<"$work/log")"
block docs/failover.md 1 | sed "s|/etc/prometheus/rules|$PWD/alert-rules|" >"$work/failover.yml"
promtool check config "$work/failover.yml" >"$work/log" 2>&1 || fail "docs/failover.md: $(<"$work/log")"

# --- inhibition, on a real Alertmanager; its receivers are taken away, so that nothing is sent
sed -e '/^receivers:/,$d' compose/alertmanager.yml >"$work/inhibit.yml"
printf 'receivers: [{ name: humans }, { name: heald }, { name: heald-watchdog }]\n' >>"$work/inhibit.yml"
port=$((21000 + RANDOM % 10000))
url=http://127.0.0.1:$port
prometheus-alertmanager --config.file="$work/inhibit.yml" --storage.path="$work/data" --web.listen-address="127.0.0.1:$port" \
  --cluster.listen-address= >"$work/log" 2>&1 &
alertmanager=$!
until amtool --alertmanager.url="$url" cluster show >/dev/null 2>&1; do
  kill -0 "$alertmanager" 2>/dev/null || fail "Alertmanager ended: $(<"$work/log")"
  sleep 0.1
done
fires() { amtool --alertmanager.url="$url" alert add "$@"; }
fires HostDown host=down service=host severity=P0
fires SystemdUnitFailed host=down service=web severity=P1 remediate=auto playbook=u target_kind=unit target=web.service
fires SystemdUnitFailed host=up service=web severity=P1 remediate=auto playbook=u target_kind=unit target=web.service
fires HostUnreachable host=down service=host severity=P0
fires Watchdog severity=none
# Two alerts without `host` are not of the same host.
fires HostDown severity=P0
fires Hostless remediate=never severity=P1
fires DiskFull98 host=up severity=P0 playbook=disk target_kind=path target=/
fires DiskFull85 host=up severity=P3 playbook=disk target_kind=path target=/
fires DiskFull85 host=up severity=P3 playbook=disk target_kind=path target=/data
fires Bare0 host=up severity=P0
fires Bare3 host=up severity=P3
muted() { amtool --alertmanager.url="$url" alert query --inhibited --output=extended | awk 'NR > 1' | grep -o 'alertname="[^"]*".*' | sed 's/ *20[0-9][0-9]-.*//' || true; }
wanted='alertname="DiskFull85" host="up" playbook="disk" severity="P3" target="/" target_kind="path"
alertname="SystemdUnitFailed" host="down" playbook="u" remediate="auto" service="web" severity="P1" target="web.service" target_kind="unit"'
seen=$(muted | sort)
[[ $seen == "$wanted" ]] || fail "inhibition mutes"$'\n'"$seen"$'\n'"and was to mute"$'\n'"$wanted"
kill "$alertmanager"
wait "$alertmanager" 2>/dev/null || true
alertmanager=

# --- Compose: both versions, each profile
profiles=$(sed -n 's/^ *profiles: \[\(.*\)\]$/\1/p' compose/compose.yml)
for program in docker-compose "docker compose"; do
  $program version >/dev/null 2>&1 || { echo "passed over: $program is not here"; continue; }
  for profile in none $profiles; do
    $program -f compose/compose.yml --profile "$profile" config -q || fail "$program refuses the profile $profile"
  done
  echo "$program takes compose/compose.yml"
done
! grep -q '^name:' compose/compose.yml || fail "docker-compose 1.29 refuses a top-level name:"

# --- what is mounted exists, and has its place below the repository
while read -r path; do
  [[ -e compose/$path ]] || fail "compose/compose.yml mounts $path, which does not exist"
done < <(sed -n 's/^ *- \(\.\.\?\/[^:]*\):.*/\1/p' compose/compose.yml)
grep -q '^/compose/secrets$' .gitignore || fail "compose/secrets must not be committed"

# --- each scrape target of the stack names one of its services
services=$(awk '/^services:/ { on = 1; next } /^[^ #]/ { on = 0 } on && /^  [a-z-]+:$/ { gsub(/[ :]/, ""); print }' compose/compose.yml)
while read -r name; do
  [[ $name == 127.0.0.* ]] || grep -qx "$name" <<<"$services" || fail "no service $name, which is to be scraped or probed"
done < <({
  sed 's/ *#.*//' compose/prometheus.yml | grep -oE "(targets: \['|names: \[|replacement: )[a-z0-9.-]+" | grep -v 'replacement: local' | sed -E "s/.*[[' ]//"
  cat compose/probes/*.yml | sed 's/ *#.*//' | grep -oE "targets: \['[^']+" | sed -E "s/.*'//; s|^[a-z]+://||; s|[:/].*||"
} | sort -u)

# --- every probe has its module and its file, and every target its host
while read -r job; do
  [[ -e compose/probes/$job.yml ]] || fail "no compose/probes/$job.yml"
  grep -q "job_name: $job\b" compose/prometheus.yml || fail "no job $job"
done < <(for file in compose/probes/*.yml; do basename "$file" .yml; done)
while read -r module; do
  grep -q "^  $module:$" compose/blackbox.yml || fail "compose/blackbox.yml has no module $module"
done < <(sed -n 's/.*module: \[\(.*\)\].*/\1/p' compose/prometheus.yml | sort -u)
echo "the stack fits together"
