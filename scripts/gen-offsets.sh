#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Writes user/gobin/offsets_table.c: builds a program with every Go toolchain in the cache, for
# amd64 and arm64, and reads the runtime's struct offsets from its DWARF with our own reader.

set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
	echo "usage: gen-offsets.sh    (toolchains: scripts/fetch-go.sh; add 1.15 for Go 1.15)"
	exit 0
fi

out=user/gobin/offsets_table.c
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

mkdir "$tmp/prog"
cat >"$tmp/prog/main.go" <<-GO
	package main

	import "fmt"

	func main() { fmt.Println("hello") }
GO

# -DNDEBUG is not set: the reader's own assertions stay on. The table itself is not needed to
# read DWARF, so an empty one stands in and the first table can be made from nothing.
cat >"$tmp/empty.c" <<-C
	#include "gobin/offsets_table.h"
	const struct offsets_table offsets_tables[1];
	const size_t offsets_tables_n = 0;
C
gcc -std=gnu11 -D_GNU_SOURCE -O1 -Iuser -Ibpf -o "$tmp/gen" scripts/gen-offsets.c \
	user/gobin/dwarf.c user/gobin/offsets.c "$tmp/empty.c" -ldw -lelf

columns=()
for arch in amd64 arm64; do
	while read -r version release _; do
		exe=$tmp/$version.$arch
		(
			eval "$(scripts/fetch-go.sh --env "$version")"
			cd "$tmp/prog"
			GOARCH=$arch CGO_ENABLED=0 go build -o "$exe" .
		)
		columns+=("${arch^^}" "${version#1.}" "$release" "$exe")
	done < <(scripts/fetch-go.sh --list)
done
[ ${#columns[@]} -gt 0 ] || {
	echo "gen-offsets.sh: no toolchain in the cache: run scripts/fetch-go.sh" >&2
	exit 1
}

"$tmp/gen" "${columns[@]}" >"$tmp/table.c"
mv "$tmp/table.c" "$out"
echo "$out: $((${#columns[@]} / 4)) releases by machine" >&2
