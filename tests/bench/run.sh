#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs every benchmark (tests/bench/NN-name; or those named) and prints their tables.  A
# benchmark prints rows of tab-separated columns, the first row being the heads; it exits with 77
# if it cannot run here, saying why in its last line.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
export OUTPUT=${OUTPUT:-.output}
status=0

# bench SCRIPT
bench() {
	local out code
	out=${1##*/}
	echo "== ${out%.*}"
	out=$("$1")
	code=$?
	case $code in
	0) column -t -s $'\t' <<<"$out" ;;
	77) echo "skipped: $(tail -n 1 <<<"$out")" ;;
	*)
		echo "$out"
		status=1
		;;
	esac
}

echo "$(uname -sr), $(nproc) CPUs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
if [ $# -gt 0 ]; then
	for name in "$@"; do bench tests/bench/"$name".*; done
else
	for script in tests/bench/[0-9]*; do bench "$script"; done
fi
exit $status
