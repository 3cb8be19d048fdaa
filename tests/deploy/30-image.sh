#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The image: built twice, from different folders and at different times, it is the same to the last
# byte; it holds the program and the licence, needs no library, and is no larger than 12 MB.

set -euo pipefail
cd "$(dirname "$0")/../.."

OUTPUT=$(realpath -m "${OUTPUT:-.output}")
LIMIT=12000000
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
command -v buildah >/dev/null || { echo "buildah is missing: scripts/setup.sh --deploy"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"; buildah rmi localhost/gotide-test:one localhost/gotide-test:two >/dev/null 2>&1 || true' EXIT
status=0

fault() {
	echo "FAILED: $*"
	status=1
}

SOURCE_DATE_EPOCH=$(stat -c %Y Makefile)
export SOURCE_DATE_EPOCH
one=$(OUTPUT=$OUTPUT deploy/build-image.sh -t localhost/gotide-test:one -o "$tmp/image.tar")

# Another folder, which is no checkout, so that the version has to be told.
mkdir -p "$tmp/a/longer/name"
cp -r Makefile LICENSE bpf deploy scripts user vmlinux "$tmp/a/longer/name"
version=$("$OUTPUT/static/gotide" --version | cut -d' ' -f2)
two=$(OUTPUT=$tmp/b MAKEFLAGS="VERSION=$version" "$tmp/a/longer/name/deploy/build-image.sh" \
	-t localhost/gotide-test:two)
if [ "$one" != "$two" ]; then
	fault "not the same image: $one, $two"
	strip -o "$tmp/one" "$OUTPUT/static/gotide"
	strip -o "$tmp/two" "$tmp/b/static/gotide"
	cmp "$tmp/one" "$tmp/two" && echo "but the same program"
	diff <(strings "$tmp/one") <(strings "$tmp/two") | head -n 20
fi

mkdir "$tmp/root" "$tmp/oci"
tar -xf "$tmp/image.tar" -C "$tmp/oci"
manifest=$tmp/oci/blobs/$(sed -E 's,.*"digest":"(sha256):([0-9a-f]*)".*,\1/\2,' "$tmp/oci/index.json")
mapfile -t layers < <(grep -oE '"layers":.*' "$manifest" | grep -oE 'sha256:[0-9a-f]{64}')
for layer in "${layers[@]}"; do
	tar -xf "$tmp/oci/blobs/${layer/:/\/}" -C "$tmp/root"
done
size=$(du -sb "$tmp/root" | cut -f1)
packed=$(stat -c %s "$tmp/image.tar")
echo "image $one: $size bytes, $packed packed"
[ "$size" -le $LIMIT ] || fault "$size bytes, more than $LIMIT"
found=$(cd "$tmp/root" && find . -type f | sort | xargs)
[ "$found" = "./usr/bin/gotide ./usr/share/doc/gotide/LICENSE" ] || fault "it holds $found"
! readelf -l "$tmp/root/usr/bin/gotide" | grep INTERP >/dev/null || fault "the program needs a loader"
[ "$(chroot "$tmp/root" /usr/bin/gotide --version)" = "gotide $version" ] || fault "it does not run"
exit $status
