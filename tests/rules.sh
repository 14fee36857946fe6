#!/usr/bin/env bash
# Alert rules, their unit tests, and the shipped Prometheus, Alertmanager and Compose configuration, with Debian's
# promtool, amtool and docker-compose.
set -euo pipefail
cd "$(dirname "$0")/.."

promtool check rules --lint=all --lint-fatal alert-rules/*.yml alert-rules/examples/*.yml
promtool test rules alert-rules/tests/*.yml

# What `heald rules` prints for the sample inventory is the shipped example, which the line above has tested.
if [[ -n ${HEALD:-} ]]; then
  "$HEALD" rules --inventory tests/golden/inventory.yaml | diff -u alert-rules/examples/expected.yml -
fi

# The alternative for those who have cAdvisor, and what the log rules count from.
promtool check rules --lint=all --lint-fatal alert-rules/cadvisor/*.yml
promtool test rules alert-rules/cadvisor/tests/*.yml
tests/mtail.sh
tests/textfile.sh

# --- the stack
tests/stack.sh
echo "rules and configuration are good"
