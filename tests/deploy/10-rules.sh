#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The alerts: promtool reads them, and finds that each fires when it should; the files that are made
# from others are up to date; each alert is in the runbook.

set -euo pipefail
cd "$(dirname "$0")/../.."

tools=$(scripts/fetch-daemons.sh tools) || { status=$?; echo "$tools"; exit "$status"; }
promtool=${GOTIDE_CACHE:-$HOME/.cache/gotide}/daemons/promtool
rules=deploy/prometheus-rules.yaml

"$promtool" check rules "$rules"
"$promtool" test rules tests/deploy/rules-test.yaml
scripts/gen-deploy.py --check

# Every alert is tested, and its runbook line leads to a heading of its own name.
status=0
while read -r alert; do
	grep -A 1 "alertname: $alert\$" tests/deploy/rules-test.yaml | grep exp_alerts >/dev/null ||
		{ echo "no test lets $alert fire"; status=1; }
done < <(sed -n 's/^ *- alert: //p' "$rules")
while read -r alert; do
	grep -qx -- "## $alert" docs/runbook.md || { echo "docs/runbook.md has no $alert"; status=1; }
done < <(sed -n 's/^ *- alert: //p' "$rules")
diff <(sed -n 's/^ *- alert: //p' "$rules" | tr '[:upper:]' '[:lower:]') \
	<(sed -n 's/^ *runbook_url: .*#//p' "$rules") || { echo "runbook lines that lead elsewhere"; status=1; }
exit $status
