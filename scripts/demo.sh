#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The main job on a workload of its own: a Go program that leaks goroutines and a busy healthy one,
# both stripped, watched from outside for a minute, and the verdicts.
set -euo pipefail
cd "$(dirname "$0")/.."
OUTPUT=${OUTPUT:-.output}
GO_VERSION=${GO_VERSION:-1.24}
DEMO_FOR=${DEMO_FOR:-50s}

[ "$(id -u)" = 0 ] || {
	echo "demo: needs root, for probes in the kernel: sudo make demo" >&2
	exit 1
}
work=$(mktemp -d)
pids=()
cleanup() {
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT

# start NAME ARGS...: runs a test program and waits for its ready line.
start() {
	local name=$1 line
	shift
	mkfifo "$work/$name.in" "$work/$name.out"
	# Open for both, its stdin never ends: the end of stdin would end the program.
	"$OUTPUT/goprog/$GO_VERSION/$name.stripped" "$@" <>"$work/$name.in" >"$work/$name.out" &
	pids+=($!)
	exec {fd}<"$work/$name.out"
	read -r line <&"$fd"
	echo "demo: $name: $line"
}

echo "demo: building two Go programs with Go $GO_VERSION"
scripts/fetch-go.sh "$GO_VERSION"
scripts/build-goprog.sh -o "$OUTPUT/goprog" --go "$GO_VERSION" --flavour stripped leak busy
start leak -kind chanrecv -rate 5 -duration 10m
start busy -duration 10m
echo "demo: gotide report --for $DEMO_FOR ${pids[*]}"
echo
status=0
"$OUTPUT/gotide" report --for "$DEMO_FOR" "${pids[@]}" | tee "$work/report" || status=${PIPESTATUS[0]}
echo
if [ "$status" = 3 ] && [ "$(grep -c 'GOROUTINE LEAK' "$work/report")" = 1 ]; then
	echo "demo: the leak was named, the busy program was not flagged (exit status 3: a leak was found)"
	echo "demo: gotide is $OUTPUT/gotide; 'sudo make install' puts it in /usr/local/bin"
else
	echo "demo: not as expected (exit status $status)" >&2
	exit 1
fi
