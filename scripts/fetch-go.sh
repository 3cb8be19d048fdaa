#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Fetches Debian's Go toolchains into the cache, for the test programs and for
# the offset tables. See --help.

set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib/private-apt.sh"

ALL_VERSIONS=(1.19 1.21 1.22 1.23 1.24 1.25 1.26 1.27)
CACHE=$(gotide_cache)/go
TMP=

usage() {
	cat <<-USAGE
		usage: fetch-go.sh [VERSION...]       fetch what is missing (default: ${ALL_VERSIONS[*]})
		       fetch-go.sh --list             present toolchains: VERSION RELEASE GOROOT
		       fetch-go.sh --env VERSION      environment of one, for eval
		       fetch-go.sh --versions         the default versions

		Toolchains come from Debian's suites, from the mirror this machine uses, through a
		private apt: no root, and nothing on the system changes. 1.15 is fetched on request.

		GOTIDE_CACHE            cache folder (default ~/.cache/gotide)
		GOTIDE_DEBIAN_MIRROR    mirror, where apt's own sources are not Debian's
	USAGE
}

suite_of() {
	case $1 in
	1.15) echo bullseye ;;
	1.19) echo bookworm ;;
	1.21 | 1.22 | 1.23) echo bookworm-backports ;;
	1.24) echo trixie ;;
	1.25 | 1.26 | 1.27) echo trixie-backports ;;
	*) die "no Debian suite known for Go $1" ;;
	esac
}

is_present() {
	[ -x "$CACHE/$1/goroot/bin/go" ]
}

# What `go build` never reads: 110-150 MB per version.
strip_tree() {
	local version=$1 tree=$2 goroot=$2/usr/lib/go-$1 share=$2/usr/share/go-$1

	rm -rf "$share"/test "$share"/api "$share"/misc "$share"/doc "$share"/src/cmd \
		"$goroot"/test "$goroot"/api "$goroot"/misc "$goroot"/doc \
		"$tree"/usr/share/doc "$tree"/usr/share/lintian "$tree"/usr/share/gocode
	find "$goroot"/pkg -mindepth 1 -maxdepth 1 -name 'linux_*_*' -exec rm -rf {} +
	find "$tree" -name testdata -type d -prune -exec rm -rf {} +
	find "$share"/src -name '*_test.go' -delete
	ln -s "usr/lib/go-$version" "$tree/goroot"
}

fetch_one() {
	local version=$1 suite tree=$TMP/$1

	suite=$(suite_of "$version")
	echo "fetching Go $version ($suite)" >&2
	private_apt_unpack "$TMP/apt" "$tree" "golang-$version-go/$suite" "golang-$version-src/$suite" ||
		die "cannot fetch Go $version from $suite"
	strip_tree "$version" "$tree"
	"$tree/goroot/bin/go" version >/dev/null || die "Go $version does not run here"
	rm -rf "${CACHE:?}/$version"
	mv "$tree" "$CACHE/$version"
}

fetch() {
	local version missing=() suites=()

	for version in "$@"; do
		suite_of "$version" >/dev/null
		is_present "$version" || missing+=("$version")
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	mkdir -p "$CACHE"
	exec 9>"$CACHE/.lock"
	flock 9
	rm -rf "$CACHE"/.tmp.*
	TMP=$(mktemp -d "$CACHE/.tmp.XXXXXX")
	trap 'rm -rf "$TMP"' EXIT
	trap 'exit 130' INT TERM HUP
	mapfile -t suites < <(for version in "${missing[@]}"; do suite_of "$version"; done | sort -u)
	private_apt_open "$TMP/apt" "${suites[@]}"
	for version in "${missing[@]}"; do
		# another run may have fetched it while this one waited for the lock
		is_present "$version" || fetch_one "$version"
	done
}

list() {
	local dir version

	for dir in "$CACHE"/1.*; do
		version=${dir##*/}
		is_present "$version" || continue
		echo "$version $(head -n 1 "$dir/goroot/VERSION") $dir/goroot"
	done | sort -V
}

print_env() {
	local dir=$CACHE/$1

	is_present "$1" || die "Go $1 is not in the cache: run fetch-go.sh $1"
	cat <<-ENV
		export GOROOT='$dir/goroot'
		export GOPATH='$dir/gopath'
		export GOCACHE='$dir/gocache'
		export GOTOOLCHAIN=local GO111MODULE=off GOENV=off GOTELEMETRY=off GOFLAGS=
		export PATH='$dir/goroot/bin':"\$PATH"
	ENV
}

case ${1:-} in
-h | --help) usage ;;
--list) list ;;
--versions) printf '%s\n' "${ALL_VERSIONS[@]}" ;;
--env)
	[ $# -eq 2 ] || { usage >&2; exit 2; }
	print_env "$2"
	;;
-*) usage >&2; exit 2 ;;
"") fetch "${ALL_VERSIONS[@]}" ;;
*) fetch "$@" ;;
esac
