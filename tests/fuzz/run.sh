#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# run.sh TARGET SECONDS: runs one built fuzzer from its committed corpus; what it learns goes to a
# scratch folder.  A crashing input is left in OUTPUT/fuzz and named in the last lines.  The seeds of
# the executable fuzzers are the unit tests' images: make OUTPUT/unit/mkimages, mkimages DIR.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUTPUT=${OUTPUT:-.output}
target=$1 seconds=$2
seeds=tests/fuzz/corpus/$target scratch=$OUTPUT/fuzz/corpus-$target
mkdir -p "$scratch"
dirs=("$scratch")
[ ! -d "$seeds" ] || dirs+=("$seeds")
exec "$OUTPUT/fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
	-print_final_stats=1 -verbosity=1 -artifact_prefix="$OUTPUT/fuzz/$target-" "${dirs[@]}"
