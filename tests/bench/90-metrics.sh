#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What a scrape costs the agent: size and CPU time of the text for a hundred processes, each in a pod,
# as a small program is and as large ones are.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUTPUT=${OUTPUT:-.output}
make -s -j2 OUTPUT="$OUTPUT" "$OUTPUT/live/metrics" >&2
printf 'processes like\tn\tcompat\tbytes\tms\n'
for tape in tapes/chanrecv-up tapes-daemons/daemon-etcd tapes-daemons/daemon-prometheus-3; do
	"$OUTPUT/live/metrics" text "tests/corpus/$tape.tape" 100 | sed "s,^,${tape##*/}\t,"
done
