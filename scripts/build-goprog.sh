#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Builds the Go test programs with several Go versions and in the shapes in
# which programs are shipped. See --help.

set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib/private-apt.sh"

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SOURCES=$HERE/../tests/goprog
ALL_FLAVOURS=(plain stripped strip-s pie noprofile cgo cgopie cgoplain cgostatic)
OUT=${OUTPUT:-$HERE/../.output}/goprog
PROGRAMS=()
VERSIONS=()
FLAVOURS=()

usage() {
	cat <<-USAGE
		usage: build-goprog.sh [-o OUTDIR] [-s SOURCES] [--go VERSION,...] [--flavour FLAVOUR,...] [PROGRAM...]

		Builds SOURCES/PROGRAM (default: all) into OUTDIR/VERSION/PROGRAM.FLAVOUR,
		with the toolchains in the cache (fetch-go.sh; missing ones are fetched).
		What is newer than its sources is left alone.

		-o OUTDIR     default .output/goprog
		-s SOURCES    folder with the programs; default tests/goprog
		--go          default: the versions of fetch-go.sh --versions
		--flavour     default: stripped,pie,cgo
		  plain       symbols and DWARF
		  stripped    -ldflags '-s -w'
		  strip-s     plain, then strip -s
		  pie         -buildmode=pie, stripped
		  noprofile   stripped, with the tag noprofile
		  cgo         CGO_ENABLED=1, linked by gcc, stripped
		  cgopie      both
		  cgoplain    cgo, with symbols and DWARF
		  cgostatic   cgoplain, linked with -static
		The programs cgo and cmem are built in the cgo flavours only.
	USAGE
}

parse_args() {
	local versions=() flavours=()

	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage; exit 0 ;;
		-o) OUT=${2:?-o needs a folder}; shift ;;
		-s) SOURCES=${2:?-s needs a folder}; shift ;;
		--go) IFS=', ' read -ra versions <<<"${2:?--go needs versions}"; VERSIONS+=("${versions[@]}"); shift ;;
		--flavour) IFS=', ' read -ra flavours <<<"${2:?--flavour needs flavours}"; FLAVOURS+=("${flavours[@]}"); shift ;;
		-*) usage >&2; exit 2 ;;
		*) PROGRAMS+=("$1") ;;
		esac
		shift
	done
	[ ${#VERSIONS[@]} -gt 0 ] || mapfile -t VERSIONS < <("$HERE/fetch-go.sh" --versions)
	[ ${#FLAVOURS[@]} -gt 0 ] || FLAVOURS=(stripped pie cgo)
	[ ${#PROGRAMS[@]} -gt 0 ] || mapfile -t PROGRAMS < <(all_programs)
}

all_programs() {
	local dir

	for dir in "$SOURCES"/*/main.go; do
		basename "$(dirname "$dir")"
	done
}

check_args() {
	local name

	for name in "${PROGRAMS[@]}"; do
		[ -f "$SOURCES/$name/main.go" ] || die "no program $name in $SOURCES"
	done
	for name in "${FLAVOURS[@]}"; do
		[[ " ${ALL_FLAVOURS[*]} " == *" $name "* ]] || die "no flavour $name: one of ${ALL_FLAVOURS[*]}"
	done
}

is_fresh() {
	local out=$1 program=$2

	# an unpacked toolchain keeps its packager's times: ask when it came here
	[ -f "$out" ] && [ -z "$(find "$GOROOT/VERSION" -cnewer "$out")" ] &&
		[ -z "$(find -L "$SOURCES/$program" -name '*.go' -newer "$out" -print -quit)" ]
}

go_build() {
	local cgo=$1 out=$2 program=$3
	shift 3
	(cd "$SOURCES" && CGO_ENABLED=$cgo nice go build "$@" -o "$out" "./$program")
}

build_flavour() {
	local out=$1 program=$2 flavour=$3

	case $flavour in
	plain) go_build 0 "$out" "$program" ;;
	stripped) go_build 0 "$out" "$program" -ldflags '-s -w' ;;
	strip-s) go_build 0 "$out" "$program" && strip -s "$out" ;;
	pie) go_build 0 "$out" "$program" -ldflags '-s -w' -buildmode=pie ;;
	noprofile) go_build 0 "$out" "$program" -ldflags '-s -w' -tags noprofile ;;
	cgo) go_build 1 "$out" "$program" -ldflags '-s -w -linkmode external' ;;
	cgopie) go_build 1 "$out" "$program" -ldflags '-s -w -linkmode external' -buildmode=pie ;;
	cgoplain) go_build 1 "$out" "$program" -ldflags '-linkmode external' ;;
	cgostatic) go_build 1 "$out" "$program" -tags netgo,osusergo \
		-ldflags '-linkmode external -extldflags -static' ;;
	esac
}

build_one() {
	local version=$1 program=$2 flavour=$3 out=$OUT/$1/$2.$3

	case $program.$flavour in
	cgo.cgo* | cmem.cgo*) ;;
	cgo.* | cmem.*) return ;;
	esac
	is_fresh "$out" "$program" && return
	echo "  GO $version  $program.$flavour"
	build_flavour "$out.tmp" "$program" "$flavour" || die "cannot build $program.$flavour with Go $version"
	mv "$out.tmp" "$out"
}

# In a subshell: the environment of one toolchain must not leak into the next.
build_version() (
	version=$1
	eval "$("$HERE/fetch-go.sh" --env "$version")"
	mkdir -p "$OUT/$version"
	for program in "${PROGRAMS[@]}"; do
		for flavour in "${FLAVOURS[@]}"; do
			build_one "$version" "$program" "$flavour"
		done
	done
)

parse_args "$@"
check_args
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
"$HERE/fetch-go.sh" "${VERSIONS[@]}"
for version in "${VERSIONS[@]}"; do
	build_version "$version"
done
