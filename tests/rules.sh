#!/usr/bin/env bash
# Alert rules, their unit tests, and the shipped Prometheus and Alertmanager configuration, with Debian's promtool and amtool.
set -euo pipefail
cd "$(dirname "$0")/.."

promtool check rules --lint=all --lint-fatal alert-rules/*.yml alert-rules/examples/*.yml
promtool test rules alert-rules/tests/*.yml

# What `heald rules` prints for the sample inventory is the shipped example, which the line above has tested.
if [[ -n ${HEALD:-} ]]; then
  "$HEALD" rules --inventory tests/golden/inventory.yaml | diff -u alert-rules/examples/expected.yml -
fi
promtool check config compose/prometheus.yml
amtool check-config compose/alertmanager.yml

# Who hears of which alert: heald only of what it may repair, people of everything.
routes() { amtool config routes test --config.file=compose/alertmanager.yml --verify.receivers="$@" >/dev/null 2>&1 || { echo "wrong route: $*" >&2; exit 1; }; }
routes heald,humans alertname=ContainerDown remediate=auto
routes heald,humans alertname=X remediate=ask
routes humans alertname=X remediate=never
routes humans alertname=X
echo "rules and configuration are good"
