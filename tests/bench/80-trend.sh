#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What verdicts cost on ten thousand go statements and three horizons, in CPU time of gotide.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUTPUT=${OUTPUT:-.output}
make -s -j2 OUTPUT="$OUTPUT" "$OUTPUT/bench/trend" >&2
"$OUTPUT/bench/trend"
