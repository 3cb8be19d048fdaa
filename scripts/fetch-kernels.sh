#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Fetches the Debian kernels that tests/vm boots into the cache. See --help.

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/lib/private-apt.sh"

KERNELS=$HERE/../tests/vm/kernels.txt
CACHE=$(gotide_cache)/kernels
SKIP=77
TMP=

usage() {
	cat <<-USAGE
		usage: fetch-kernels.sh [NAME...]         fetch what is missing (default: all)
		       fetch-kernels.sh --names [short]   names in tests/vm/kernels.txt
		       fetch-kernels.sh --list            what is there: NAME RELEASE PATH

		The kernels of tests/vm/kernels.txt, from Debian's suites through a private apt: no
		root, and nothing on the system changes. Only the compressed kernel is kept, 8 to 14 MB
		each. One that is there stays as it is; delete it for a newer release.
		Exit 77 with a reason on the last line where one cannot be had; the others are fetched
		all the same.

		GOTIDE_CACHE            cache folder (default ~/.cache/gotide)
		GOTIDE_DEBIAN_MIRROR    mirror, where apt's own sources are not Debian's
	USAGE
}

rows() {
	grep -v '^#' "$KERNELS"
}

names() {
	rows | awk -v which="${1:-}" 'which == "" || $5 == which { print $1 }'
}

row_of() {
	rows | awk -v name="$1" '$1 == name { print $2, $3, $4; found = 1 } END { exit !found }'
}

is_present() {
	[ -f "$CACHE/$1/vmlinuz" ]
}

# newest_package SERIES SUITE FLAVOUR: since 6.19 linux-image only depends on linux-binary, which has
# the kernel; those that are called unsigned do not match.
newest_package() {
	local kind package

	for kind in binary image; do
		while read -r package; do
			if apt-cache madison "$package" | grep -qF " $2/main "; then
				echo "$package"
				return
			fi
		done < <(apt-cache search --names-only "^linux-$kind-${1//./\\.}\\.[^-]*(-[0-9]+)?-$3\$" |
			cut -d' ' -f1 | sort -Vr)
	done
	return 1
}

# In a subshell of fetch(): what fails costs one kernel.
fetch_one() {
	local name=$1 series suite flavour package vmlinuz root=$TMP/root/$1

	read -r series suite flavour < <(row_of "$name")
	package=$(APT_CONFIG=$TMP/apt/apt.conf newest_package "$series" "$suite" "$flavour") ||
		die "$suite has no kernel $series for $flavour any more"
	echo "fetching $package ($suite)" >&2
	private_apt_unpack "$TMP/apt" "$root" "$package/$suite" || die "cannot fetch $package"
	vmlinuz=$(find "$root" -type f -name 'vmlinuz*' | head -n 1)
	[ -n "$vmlinuz" ] || die "$package has no kernel in it"
	mkdir -p "$TMP/keep/$name"
	cp "$vmlinuz" "$TMP/keep/$name/vmlinuz"
	echo "${package#linux-*-}" >"$TMP/keep/$name/release"
	rm -rf "${CACHE:?}/$name" "$root"
	mv "$TMP/keep/$name" "$CACHE/$name"
}

fetch() {
	local name missing=() suites=() failed=()

	for name in "$@"; do
		row_of "$name" >/dev/null || die "no kernel $name in tests/vm/kernels.txt"
	done
	mkdir -p "$CACHE"
	exec 9>"$CACHE/.lock"
	flock 9
	for name in "$@"; do
		is_present "$name" || missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ]; then
		echo "fetch-kernels.sh: the kernels in the list are Debian's for amd64"
		exit $SKIP
	fi
	rm -rf "$CACHE"/.tmp.*
	TMP=$(mktemp -d "$CACHE/.tmp.XXXXXX")
	trap 'rm -rf "$TMP"' EXIT
	trap 'exit 130' INT TERM HUP
	mapfile -t suites < <(for name in "${missing[@]}"; do row_of "$name"; done |
		cut -d' ' -f2 | sort -u)
	# a subshell, because the private apt ends its shell where it fails
	(private_apt_open "$TMP/apt" "${suites[@]}") || failed=("${missing[@]}")
	for name in "${missing[@]}"; do
		[ ${#failed[@]} -eq ${#missing[@]} ] || (fetch_one "$name") || failed+=("$name")
	done
	[ ${#failed[@]} -gt 0 ] || return 0
	echo "fetch-kernels.sh: Debian's packages of these kernels cannot be had: ${failed[*]}"
	exit $SKIP
}

list() {
	local dir

	for dir in "$CACHE"/*/; do
		[ ! -f "$dir/vmlinuz" ] || echo "$(basename "$dir") $(cat "$dir/release") ${dir}vmlinuz"
	done | sort -V
}

case ${1:-} in
-h | --help) usage ;;
--names) names "${2:-}" ;;
--list) list ;;
-*) usage >&2; exit 2 ;;
"")
	mapfile -t all < <(names)
	fetch "${all[@]}"
	;;
*) fetch "$@" ;;
esac
