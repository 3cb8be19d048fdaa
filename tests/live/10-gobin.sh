#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What gotide reads from a Go executable against what the program's own runtime says (function, file
# and line at 5000 places, innermost frame) and, where there is a symbolizer for DWARF, against the
# calls that the compiler says it inlined.  All Go versions in the cache, all ways of linking.
# GOTIDE_GO="1.22 1.26" limits the versions.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUTPUT=${OUTPUT:-.output}
PLACES=5000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
symcheck=$OUTPUT/live/symcheck
symbolizer=$(command -v llvm-symbolizer llvm-symbolizer-{19,18,17,16,15,14} | head -n 1 || true)

scripts/fetch-go.sh >"$work/fetch.log" 2>&1 || true
read -ra versions <<<"${GOTIDE_GO:-$(scripts/fetch-go.sh --list | cut -d' ' -f1 | tr '\n' ' ')}"
if [ ${#versions[@]} = 0 ]; then
	tail -n 3 "$work/fetch.log"
	echo "no Go toolchain can be had"
	exit 77
fi
make -s OUTPUT="$OUTPUT" "$symcheck"
scripts/build-goprog.sh -o "$OUTPUT/goprog" --go "$(IFS=,; echo "${versions[*]}")" \
	--flavour plain,strip-s,stripped,pie,cgo,cgopie symtruth

# The runtime prints type arguments as "[...]" only from 1.21 on, "?" for padding between
# functions, and nothing for the function whose name happens to come first in the table.
same_as_runtime() {
	local exe=$1

	"$symcheck" pcs "$exe" "$PLACES" >"$work/places"
	"$exe" <"$work/places" | sed 's/\[.*\]/[...]/; s/\t?\t/\t\t/' >"$work/truth"
	"$symcheck" frames "$exe" <"$work/places" | sed 's/\[.*\]/[...]/' >"$work/mine"
	paste -d '\n' "$work/truth" "$work/mine" | awk -F '\t' -v exe="$exe" -v want="$PLACES" '
		NR % 2 { truth = $0; named = $2 != ""; next }
		!named { next }
		{ n++ }
		truth != $0 { if (++bad < 4) print "runtime: " truth "\ngotide:  " $0 }
		END {
			printf "%s: %d places, %d differ\n", exe, n, bad
			exit bad || n < want * 0.9
		}'
}

# Line 0 marks what the compiler made itself: there DWARF and the function table may differ, and
# older DWARF does not say that such wrappers inline what they wrap.
same_as_dwarf() {
	local exe=$1 main

	main=$("$symcheck" names "$exe" | awk '$2 == "main.main" { print $1 }')
	"$symcheck" pcs "$exe" "$PLACES" >"$work/places"
	while read -r place; do
		printf '0x%x\n' $((16#$main + place))
	done <"$work/places" | "$symbolizer" -e "$exe" --output-style=LLVM -f -i | awk '
		BEGIN { RS = ""; FS = "\n" }
		{
			chain = ""
			for (i = 1; i <= NF; i += 2) {
				sub(/\[.*\]/, "[...]", $i)
				sub(/\.abi0$/, "", $i)
				n = split($(i + 1), at, ":")
				chain = chain (i > 1 ? " < " : "") $i "@" at[n - 1]
			}
			print chain
		}' >"$work/truth"
	"$symcheck" chain "$exe" <"$work/places" | cut -f 2- >"$work/mine"
	paste -d '\n' "$work/truth" "$work/mine" | awk -v exe="$exe" -v want="$PLACES" '
		NR % 2 { truth = $0; next }
		truth ~ /@0( |$)/ || $0 ~ /@[01]$/ { next }
		{ n++; inlined += / < / }
		truth != $0 { if (++bad < 4) print "DWARF:  " truth "\ngotide: " $0 }
		END {
			printf "%s: %d chains, %d of them inlined, %d differ\n", exe, n, inlined, bad
			exit bad || n < want * 0.8 || inlined < want * 0.1
		}'
}

status=0
for version in "${versions[@]}"; do
	for flavour in plain strip-s stripped pie cgo cgopie; do
		same_as_runtime "$OUTPUT/goprog/$version/symtruth.$flavour" || status=1
	done
	[ -z "$symbolizer" ] || same_as_dwarf "$OUTPUT/goprog/$version/symtruth.plain" || status=1
done
[ -n "$symbolizer" ] || echo "no llvm-symbolizer: inlined calls were not compared with DWARF"
exit $status
