#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What gotide finds in stripped executables of every Go version in the cache (plain, PIE, cgo; built
# by profile where the toolchain can) against their twins with symbols and DWARF: all hooks have an
# emulated place, globals are where the symbol table says, table offsets are DWARF's.  Executables
# named in GOTIDE_BINARIES (default: the third-party ones in the cache) are looked at too, as far as
# a program without symbols can be.
# GOTIDE_GO="1.22 1.26" limits the versions.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUTPUT=${OUTPUT:-.output}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
siteinfo=$OUTPUT/live/siteinfo
status=0

scripts/fetch-go.sh >"$work/fetch.log" 2>&1 || true
read -ra versions <<<"${GOTIDE_GO:-$(scripts/fetch-go.sh --list | cut -d' ' -f1 | tr '\n' ' ')}"
if [ ${#versions[@]} = 0 ]; then
	tail -n 3 "$work/fetch.log"
	echo "no Go toolchain can be had"
	exit 77
fi
make -s OUTPUT="$OUTPUT" "$siteinfo"

# Starts and ends goroutines for a second; with an argument, under its own CPU profile.
mkdir "$work/prog"
cat >"$work/prog/main.go" <<-'GO'
	package main

	import (
		_ "net"
		"os"
		"runtime"
		"runtime/pprof"
		"sync"
		"time"
	)

	func work(c chan int, wg *sync.WaitGroup) {
		defer wg.Done()
		select {
		case c <- 1:
		default:
		}
		runtime.Gosched()
	}

	func main() {
		var ms runtime.MemStats
		runtime.ReadMemStats(&ms)
		if len(os.Args) > 1 {
			f, err := os.Create(os.Args[1])
			if err != nil {
				panic(err)
			}
			pprof.StartCPUProfile(f)
			defer pprof.StopCPUProfile()
		}
		c := make(chan int, 16)
		for end := time.Now().Add(time.Second); time.Now().Before(end); {
			var wg sync.WaitGroup
			for i := 0; i < 1000; i++ {
				wg.Add(1)
				go work(c, &wg)
			}
			wg.Wait()
			for len(c) > 0 {
				<-c
			}
		}
	}
GO

# build VERSION OUT [GO-BUILD-OPTION...]
build() {
	local version=$1 out=$2
	shift 2
	(
		eval "$(scripts/fetch-go.sh --env "$version")"
		cd "$work/prog"
		export GOFLAGS=-p=2 CGO_ENABLED="${CGO_ENABLED:-0}"
		nice go build -o "$out" "$@" .
	)
}

# The facts of one executable, with a verdict.  Mark end has no hook before Go 1.18, and spans are
# not followed before Go 1.17.  A profile of
# nothing but go statements may inline all of newproc: then a refusal in words is right.
judge() {
	awk -F '\t' -v name="$1" -v symbols="$2" -v is_third="$3" '
		function bad(what) { print name ": " what; failed = 1 }
		FILENAME == symbols { sub(/^0+/, "", $2); want[$1] = $2; next }
		$1 == "version" { version = $2; split(version, v, /[.a-z]+/) }
		$1 == "site" {
			if ($3 == "emulated")
				sites = sites sprintf("  %-10s %s  %s  value %s g %s\n", $2, $4, $5, $6, $7)
			else if ($3 == "none" && name ~ /pgo$/ && $4 ~ /inlined/)
				sites = sites sprintf("  %-10s refused: %s\n", $2, $4)
			else if (!($2 == "mark-end" && $3 == "none" && v[3] < 18) &&
				 !($2 ~ /^span-/ && $3 == "none" && v[3] < 17))
				bad($2 ": " $3 " " $4 " " $5)
			n_sites++
		}
		$1 == "global" {
			if (is_third ? $3 == "0" : want[$2] != $3)
				bad($2 " at " $3 ", symbol table has " want[$2] " (" $4 ") " $5)
			n_globals++
		}
		# Nobody measured Go 1.17: its layout must not pass for that of a neighbour.
		$1 == "hold" && $2 != (version !~ /^go1\.17/) {
			bad("the code " ($2 ? "confirms" : "does not confirm") " the offsets")
		}
		$1 == "reasons" && $2 < 20 { bad("only " $2 " wait reasons") }
		$1 == "table" { table[$2] = $3 }
		$1 == "dwarf" {
			if (table[$2] != $3)
				bad($2 ": table " table[$2] ", DWARF " $3)
			n_dwarf++
		}
		END {
			if (n_sites != 9 || n_globals != 9 || (!is_third && n_dwarf < 80))
				bad(n_sites + 0 " sites, " n_globals + 0 " globals, " n_dwarf + 0 " DWARF offsets")
			printf "%s %s %s\n%s", failed ? "FAIL" : "ok  ", name, version, sites
			exit failed
		}' "$2" "$4" || status=1
}

# check NAME EXE: the stripped copy's facts, and the DWARF of the original.
check() {
	local name=$1 exe=$2

	strip -s -o "$exe.s" "$exe"
	nm "$exe" | sed -n 's/^\([0-9a-f]*\) . runtime\.\([A-Za-z_]*\)$/\2\t\1/p' >"$work/symbols"
	"$siteinfo" "$exe.s" >"$work/facts" || status=1
	"$siteinfo" "$exe" | grep '^dwarf' >>"$work/facts" || true
	judge "$name" "$work/symbols" 0 "$work/facts"
	rm -f "$exe.s"
}

for version in "${versions[@]}"; do
	build "$version" "$work/plain"
	check "$version plain" "$work/plain"
	build "$version" "$work/pie" -buildmode=pie
	check "$version pie" "$work/pie"
	CGO_ENABLED=1 build "$version" "$work/cgo"
	check "$version cgo" "$work/cgo"
	case $version in
	1.22 | 1.27) # profiles rebuild the standard library: two versions are enough
		"$work/plain" "$work/cpu.prof"
		build "$version" "$work/pgo" -pgo="$work/cpu.prof"
		check "$version pgo" "$work/pgo"
		;;
	esac
done

: >"$work/symbols"
for exe in ${GOTIDE_BINARIES-$(find "${GOTIDE_CACHE:-$HOME/.cache/gotide}/daemons" -type f -perm -100 2>/dev/null)}; do
	"$siteinfo" "$exe" >"$work/facts" || status=1
	judge "$exe" "$work/symbols" 1 "$work/facts"
done
exit $status
