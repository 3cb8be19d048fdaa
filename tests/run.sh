#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs the kinds of test named (lint, unit, corpus, fuzz, live, deploy, vm; all) and ends with one plain count:
# "N passed, N failed, N skipped".  A test is a program: exit 0 passed, 77 skipped (its last line
# says why), anything else failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
OUTPUT=${OUTPUT:-.output}
# One live test, at the most; the longest takes two minutes on an idle machine.
LIVE_LIMIT_S=${LIVE_LIMIT_S:-1200}
passed=0 failed=0 skipped=0
logs=$OUTPUT/test-logs
mkdir -p "$logs"

# result NAME STATUS LOG
result() {
	case $2 in
	0) passed=$((passed + 1)); printf 'ok    %s\n' "$1" ;;
	77) skipped=$((skipped + 1)); printf 'skip  %s: %s\n' "$1" "$(tail -n 1 "$3")" ;;
	*)
		failed=$((failed + 1))
		printf 'FAIL  %s (status %s), from %s:\n' "$1" "$2" "$3"
		tail -n 40 "$3" | sed 's/^/      /'
		;;
	esac
}

# run NAME COMMAND...
run() {
	local name=$1 log
	shift
	log=$logs/${name//\//-}.log
	"$@" >"$log" 2>&1 </dev/null
	result "$name" $? "$log"
}

lint() {
	run lint/layers scripts/check-layers.sh
	run lint/style scripts/check-style.sh
	# The programs for the other architecture compile, too; nothing here can run them.
	run lint/bpf-arm64 make -j2 ARCH=arm64 OUTPUT="$OUTPUT/arm64" "$OUTPUT/arm64/obj/bpf/gotide.o"
	run lint/bpf-x86 make -j2 ARCH=x86 OUTPUT="$OUTPUT/x86" "$OUTPUT/x86/obj/bpf/gotide.o"
}

unit() {
	local t
	run unit/build make -j2 OUTPUT="$OUTPUT" unit-binaries
	for t in tests/unit/test_*.c; do
		t=$(basename "$t" .c)
		[ -x "$OUTPUT/unit/$t" ] && run "unit/${t#test_}" "$OUTPUT/unit/$t"
	done
}

# The verdicts on the tapes of the corpus, which were recorded by make corpus.
corpus() {
	run corpus/build make -j2 OUTPUT="$OUTPUT" "$OUTPUT/corpus/judge"
	run corpus/score tests/corpus/score.py --check tests/corpus/tapes
	run corpus/daemons tests/corpus/score.py --check tests/corpus/tapes-daemons
}

fuzz() {
	local t
	run fuzz/build make -j2 OUTPUT="$OUTPUT" fuzz-binaries
	for t in tests/fuzz/fuzz_*.c; do
		t=$(basename "$t" .c)
		[ -x "$OUTPUT/fuzz/$t" ] && run "fuzz/${t#fuzz_}" tests/fuzz/run.sh "$t" "${FUZZ_S:-60}"
	done
}

live() {
	local t name
	run live/build make -j2 OUTPUT="$OUTPUT" all
	for t in tests/live/[0-9]*; do
		name=${t##*/}
		run "live/${name%.*}" timeout -k 10 "$LIVE_LIMIT_S" "$t"
	done
}

# What deploy/ holds, by the programs that will read it.
deploy() {
	local t name

	# All at once, which is faster; what fails is said by the test that lacks it.
	[ "$(id -u)" != 0 ] || scripts/setup.sh --deploy >"$logs/deploy-setup.log" 2>&1
	run deploy/build make -j2 OUTPUT="$OUTPUT" all
	for t in tests/deploy/[0-9]*; do
		name=${t##*/}
		run "deploy/${name%.*}" timeout -k 10 "$LIVE_LIMIT_S" "$t"
	done
}

# vm [short]: every kernel of tests/vm/kernels.txt, those marked short, or those in GOTIDE_KERNELS; and
# in any case the agent with few capabilities, on one where they suffice.
vm() {
	local name names agent_kernel=6.12

	read -ra names -d '' <<<"${GOTIDE_KERNELS:-$(scripts/fetch-kernels.sh --names "${1:-}")}"
	# All at once, which is faster; what fails is said by the test that lacks it.
	[ "$(id -u)" != 0 ] || scripts/setup.sh --vm >"$logs/vm-setup.log" 2>&1
	scripts/fetch-kernels.sh "${names[@]}" "$agent_kernel" >"$logs/vm-fetch.log" 2>&1
	for name in "${names[@]}"; do
		run "vm/$name" tests/vm/kernel.py "$name"
	done
	run "vm/$agent_kernel-agent" tests/vm/kernel.py "$agent_kernel" agent
}

for kind in "${@:-all}"; do
	case $kind in
	lint | unit | corpus | fuzz | live | deploy | vm) "$kind" ;;
	all)
		[ "$(id -u)" = 0 ] && run setup scripts/setup.sh
		lint
		unit
		corpus
		FUZZ_S=${FUZZ_S:-5} fuzz
		live
		deploy
		vm short
		;;
	*)
		echo "usage: $0 [lint|unit|corpus|fuzz|live|deploy|vm|all]..." >&2
		exit 2
		;;
	esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
