# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# A private apt: reads Debian suites that the machine is not subscribed to and
# unpacks packages from them, without touching the system's apt or dpkg state.
# Sourced by the fetch scripts and by setup.sh; needs no root.

DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
DEBIAN_RELEASES='bullseye|bookworm|trixie|forky|sid|oldoldstable|oldstable|stable|testing|unstable'

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

gotide_cache() {
	echo "${GOTIDE_CACHE:-$HOME/.cache/gotide}"
}

# The mirror this machine already uses for Debian itself.
debian_mirror() {
	local uri

	if [ -n "${GOTIDE_DEBIAN_MIRROR:-}" ]; then
		echo "$GOTIDE_DEBIAN_MIRROR"
		return
	fi
	# shellcheck disable=SC2016 # $(NAME) is apt's own format syntax
	uri=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 2>/dev/null |
		awk -v releases="^($DEBIAN_RELEASES)\$" \
			'$2 ~ releases && $3 == "main" && $1 !~ /^cdrom:/ && !seen++ { print $1 }')
	[ -n "$uri" ] || return 1
	echo "$uri"
}

# private_apt_conf DIR: a configuration in which every path of state is inside DIR.
# Proxies and credentials are the machine's.
private_apt_conf() {
	local dir=$1

	mkdir -p "$dir"/state "$dir"/lists/partial "$dir"/cache/archives/partial "$dir"/log \
		"$dir"/etc/sources.list.d "$dir"/etc/apt.conf.d "$dir"/etc/preferences.d
	: >"$dir/state/status"
	cat <<-CONF
		Dir::State "$dir/state";
		Dir::State::Lists "$dir/lists";
		Dir::State::status "$dir/state/status";
		Dir::Cache "$dir/cache";
		Dir::Etc::sourcelist "$dir/etc/sources.list";
		Dir::Etc::sourceparts "$dir/etc/sources.list.d";
		Dir::Etc::parts "$dir/etc/apt.conf.d";
		Dir::Etc::preferences "$dir/etc/preferences";
		Dir::Etc::preferencesparts "$dir/etc/preferences.d";
		Dir::Etc::trusted "/dev/null";
		Dir::Etc::trustedparts "/dev/null";
		Dir::Log "$dir/log";
		APT::Architecture "$(dpkg --print-architecture)";
		APT::Architectures { "$(dpkg --print-architecture)"; };
		APT::Sandbox::User "root";
		APT::Update::Error-Mode "any";
		Acquire::Languages "none";
		Acquire::PDiffs "false";
		Acquire::Check-Valid-Until "false";
	CONF
	apt-config dump | grep -iE '^Acquire::(https?|ftp)::' || true
}

# private_apt_open DIR SUITE...: makes the private apt in DIR and reads the lists.
private_apt_open() {
	local dir=$1 mirror suite
	shift

	[ -r "$DEBIAN_KEYRING" ] || die "needs $DEBIAN_KEYRING (package debian-archive-keyring)"
	mirror=$(debian_mirror) ||
		die "found no Debian mirror in apt's sources: set GOTIDE_DEBIAN_MIRROR"
	mkdir -p "$dir"
	private_apt_conf "$dir" >"$dir/apt.conf"
	for suite in "$@"; do
		echo "deb [signed-by=$DEBIAN_KEYRING] $mirror $suite main"
	done >"$dir/etc/sources.list"
	APT_CONFIG=$dir/apt.conf apt-get -qq update ||
		die "cannot read the package lists of $* (mirror: see apt's message above)"
}

# private_apt_unpack DIR ROOT PACKAGE/SUITE...: downloads and unpacks into ROOT.
private_apt_unpack() {
	local dir=$1 root=$2 deb
	shift 2

	mkdir -p "$root" "$dir/debs"
	(cd "$dir/debs" && APT_CONFIG=$dir/apt.conf apt-get -qq download "$@") || return 1
	for deb in "$dir"/debs/*.deb; do
		dpkg -x "$deb" "$root" || return 1
	done
	rm -rf "$dir/debs"
}
