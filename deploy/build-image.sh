#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Builds the container image.  See --help.

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO=$(dirname "$HERE")
OUTPUT=${OUTPUT:-$REPO/.output}
TAG=localhost/gotide:latest
ARCHIVE=

usage() {
	cat <<-USAGE
		usage: build-image.sh [-t TAG] [-o ARCHIVE]

		Builds gotide statically, strips it, and makes an image of it from nothing with
		buildah (root). Prints the image's id, the digest of its configuration, which names its
		layers by their digests: the same for the same commit, compiler and libraries, wherever
		and whenever it is built. The dates in it are the commit's, or SOURCE_DATE_EPOCH.

		-t TAG       its name (default $TAG)
		-o ARCHIVE   writes it to a file, too, for "podman load" or "ctr images import"

		OUTPUT       where to build (default .output)
	USAGE
}

die() {
	echo "build-image.sh: $*" >&2
	exit 1
}

# The date of what is built: the commit's, or the newest file's in an unpacked archive.
source_date() {
	if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
		echo "$SOURCE_DATE_EPOCH"
	else
		git -C "$REPO" log -1 --format=%ct 2>/dev/null || stat -c %Y "$REPO/Makefile"
	fi
}

# context DIR EPOCH: what goes into the image.
context() {
	install -D -m 755 "$OUTPUT/static/gotide" "$1/gotide"
	strip --strip-all "$1/gotide"
	install -m 644 "$REPO/LICENSE" "$1/LICENSE"
	touch -d "@$2" "$1/gotide" "$1/LICENSE"
}

build() {
	local epoch

	command -v buildah >/dev/null || die "needs buildah: scripts/setup.sh --deploy"
	epoch=$(source_date)
	nice make -C "$REPO" -j2 STATIC=1 OUTPUT="$OUTPUT/static" all >&2
	TMP=$(mktemp -d)
	trap 'rm -rf "$TMP"' EXIT
	context "$TMP/context" "$epoch"
	buildah build --quiet --isolation chroot --format oci --identity-label=false --timestamp "$epoch" --iidfile "$TMP/id" \
		--file "$HERE/Containerfile" --tag "$TAG" "$TMP/context" >&2
	[ -z "$ARCHIVE" ] || { rm -f "$ARCHIVE" && buildah push --quiet "$TAG" "oci-archive:$ARCHIVE:$TAG" >&2; }
	cat "$TMP/id"
	echo
}

while getopts t:o:h-: option; do
	case $option in
	t) TAG=$OPTARG ;;
	o) ARCHIVE=$OPTARG ;;
	h | -) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done
[ "$OPTIND" -gt $# ] || { usage >&2; exit 2; }
build
