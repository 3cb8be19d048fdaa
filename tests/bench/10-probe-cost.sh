#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What probes add to one goroutine's life (birth and exit), against two empty programs on the same
# places and against the same programs on the functions' first instructions.  Medians of
# alternating rounds, in processor time of the target, so that other work on the machine matters
# little.  ROUNDS (default 11), SECONDS_EACH (1), GOTIDE_GO (1.26).
set -euo pipefail
cd "$(dirname "$0")/../.."
OUTPUT=${OUTPUT:-.output}
go=${GOTIDE_GO:-1.26}
[ "$(id -u)" = 0 ] || {
	echo "needs root"
	exit 77
}
make -s -j2 OUTPUT="$OUTPUT" "$OUTPUT/bench/probe_cost" >&2
OUTPUT=$OUTPUT scripts/build-goprog.sh --go "$go" --flavour stripped storm >&2
"$OUTPUT/bench/probe_cost" "$OUTPUT/goprog/$go/storm.stripped" "${ROUNDS:-11}" \
	"${SECONDS_EACH:-1}" |
	awk -F'\t' -v go="$go" '
		{ name[NR] = $1; life[NR] = $2; added[NR] = $3 }
		NR == 2 { empty = $3 }
		NR == 3 { ours = $3 }
		END {
			printf "Go %s, per goroutine\tlife ns\tadded ns\tto empty\tto gotide\n", go
			for (i = 1; i <= NR; i++)
				printf("%s\t%d\t%d\t%s\t%s\n", name[i], life[i], added[i],
					(i == 1 ? "-" : sprintf("%.2f", added[i] / empty)),
					(i == 1 ? "-" : sprintf("%.2f", added[i] / ours)))
		}'
