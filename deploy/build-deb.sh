#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Builds the Debian package.  See --help.

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO=$(dirname "$HERE")
OUTPUT=${OUTPUT:-$REPO/.output}

usage() {
	cat <<-USAGE
		usage: build-deb.sh

		Builds gotide statically and packs it with its manual, service, options file and
		documents into OUTPUT/deb/gotide_VERSION_ARCH.deb, whose path it prints. The package
		depends on nothing and serves every release. Its dates are the commit's, or
		SOURCE_DATE_EPOCH.

		OUTPUT       where to build (default .output)
	USAGE
}

source_date() {
	git -C "$REPO" log -1 --format=%ct 2>/dev/null || stat -c %Y "$REPO/Makefile"
}

# deb_version VERSION: what Debian sorts rightly: a tag as it is, a bare commit by its date before all.
deb_version() {
	case $1 in
	v[0-9]* | [0-9]*.*) echo "${1#v}" | tr - + ;;
	*) echo "0~git$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).${1//-/.}" ;;
	esac
}

# compress FILE TARGET: without name and date inside.
compress() {
	mkdir -p "$(dirname "$2")"
	gzip -9n <"$1" >"$2"
}

copyright() {
	printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n'
	printf 'Files: *\nCopyright: 2026 The gotide authors\nLicense: BSD-2-Clause\n'
	sed 's/^ *$/./; s/^/ /' "$REPO/LICENSE"
}

changelog() {
	printf 'gotide (%s) unstable; urgency=medium\n\n  * Built from %s.\n\n' "$1" "$2"
	printf ' -- The gotide authors <gotide@example.com>  %s\n' "$(date -uR -d "@$SOURCE_DATE_EPOCH")"
}

# files ROOT: everything but DEBIAN/.
files() {
	local root=$1 doc=$1/usr/share/doc/gotide page

	install -D -m 755 -s "$OUTPUT/static/gotide" "$root/usr/bin/gotide"
	install -D -m 644 "$HERE/gotide.service" "$root/lib/systemd/system/gotide.service"
	install -D -m 644 "$HERE/debian/agent.conf" "$root/etc/gotide/agent.conf"
	install -D -m 644 "$HERE/debian/lintian-overrides" "$root/usr/share/lintian/overrides/gotide"
	for page in "$OUTPUT"/static/man/*; do
		compress "$page" "$root/usr/share/man/man${page##*.}/${page##*/}.gz"
	done
	mkdir -p "$doc/examples"
	install -m 644 "$REPO"/docs/{runbook,kubernetes,metrics,accuracy,security,benchmarks,report.schema}.* "$doc/"
	install -m 644 "$HERE"/{prometheus-rules.yaml,grafana-dashboard.json} "$doc/examples/"
}

# control ROOT VERSION
control() {
	local size

	size=$(du -sk --apparent-size "$1" | cut -f1)
	mkdir "$1/DEBIAN"
	sed "s/@VERSION@/$2/; s/@ARCH@/$(dpkg --print-architecture)/; s/@SIZE@/$size/" \
		"$HERE/debian/control.in" >"$1/DEBIAN/control"
	echo /etc/gotide/agent.conf >"$1/DEBIAN/conffiles"
	install -m 755 "$HERE"/debian/{postinst,prerm,postrm} "$1/DEBIAN/"
	(cd "$1" && find usr lib -type f -print0 | sort -z | xargs -0 md5sum) >"$1/DEBIAN/md5sums"
}

build() {
	local root built version deb

	export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(source_date)}
	nice make -C "$REPO" -j2 STATIC=1 OUTPUT="$OUTPUT/static" all man >&2
	TMP=$(mktemp -d)
	trap 'rm -rf "$TMP"' EXIT
	root=$TMP/root
	umask 022
	built=$("$OUTPUT/static/gotide" --version | cut -d' ' -f2)
	version=$(deb_version "$built")
	files "$root"
	copyright >"$root/usr/share/doc/gotide/copyright"
	changelog "$version" "$built" >"$TMP/changelog"
	compress "$TMP/changelog" "$root/usr/share/doc/gotide/changelog.gz"
	control "$root" "$version"
	find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	deb=$OUTPUT/deb/gotide_${version}_$(dpkg --print-architecture).deb
	mkdir -p "$OUTPUT/deb"
	dpkg-deb --root-owner-group -Zxz --build "$root" "$deb" >&2
	echo "$deb"
}

case ${1:-} in
"") build ;;
-h | --help) usage ;;
*) usage >&2; exit 2 ;;
esac
