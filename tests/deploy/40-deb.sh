#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The Debian package: lintian finds no error, what it installs is there and runs, its service is one
# that systemd accepts, and lets the agent make the system calls that it makes.

set -euo pipefail
cd "$(dirname "$0")/../.."

command -v dpkg-deb >/dev/null || { echo "needs dpkg-deb"; exit 77; }
. tests/deploy/common.sh

deb=$(deploy/build-deb.sh)
echo "$deb: $(stat -c %s "$deb") bytes"
[ "$(deploy/build-deb.sh)" = "$deb" ] || fault "another name the second time"
sum=$(sha256sum <"$deb")
touch "$(dirname "$deb")" deploy/debian/agent.conf
deploy/build-deb.sh >/dev/null
[ "$(sha256sum <"$deb")" = "$sum" ] || fault "not the same package the second time"
! command -v lintian >/dev/null || lintian --allow-root --fail-on error,warning "$deb" || fault lintian

dpkg-deb -x "$deb" "$tmp/root"
dpkg-deb -e "$deb" "$tmp/control"
while read -r file; do
	[ -f "$tmp/root$file" ] || fault "conffile $file is not there"
done <"$tmp/control/conffiles"
(cd "$tmp/root" && md5sum --quiet -c "$tmp/control/md5sums") || fault md5sums
for script in postinst prerm postrm; do
	dash -n "$tmp/control/$script" || fault "$script"
done
"$tmp/root/usr/bin/gotide" --version | grep -q '^gotide ' || fault "it does not run"
man=$tmp/root/usr/share/man/man1/gotide.1.gz
# read to the end: zcat must not find its reader gone
zcat "$man" | grep -i '^\.TH "gotide"' >/dev/null || fault "$man"

unit=$tmp/root/lib/systemd/system/gotide.service
if command -v systemd-analyze >/dev/null; then
	mkdir "$tmp/unit"
	sed "s,=/usr/bin/gotide,=$tmp/root/usr/bin/gotide," "$unit" >"$tmp/unit/gotide.service"
	said=$(systemd-analyze --man=no verify "$tmp/unit/gotide.service" 2>&1 | grep gotide) || true
	[ -z "$said" ] || fault "verify: $said"
	# of 100, from tight to open; what is missing is what observing other processes takes
	systemd-analyze security --offline=true --threshold=40 "$unit" >"$tmp/security" ||
		{ tail -n 1 "$tmp/security"; fault "exposed"; }
	# Every call that the image's profile lets through is in one of the unit's sets.
	read -ra sets < <(sed -n 's/^SystemCallFilter=//p' "$unit")
	expand() {
		local word
		for word in "$@"; do
			case $word in
			@*) mapfile -t below < <(systemd-analyze syscall-filter "$word" | awk '/^    [a-z@]/ { print $1 }')
				expand "${below[@]}" ;;
			*) echo "$word" ;;
			esac
		done
	}
	comm -13 <(expand "${sets[@]}" | sort -u) \
		<(sed -n 's/^        "\([a-z0-9_]*\)",*$/\1/p' deploy/kubernetes/components/seccomp/gotide.json | sort -u) \
		>"$tmp/missing"
	[ ! -s "$tmp/missing" ] || fault "calls that the unit forbids: $(xargs <"$tmp/missing")"
fi
exit $status
