#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Installs the packages that gotide is built and tested with. See --help.

set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib/private-apt.sh"

BUILD_PACKAGES=(
	gcc libc6-dev linux-libc-dev make pkg-config clang llvm libbpf-dev bpftool libelf-dev libdw-dev zlib1g-dev
	libcapstone-dev libevent-dev libjson-c-dev libncurses-dev uthash-dev scdoc git
	libprotobuf-c-dev protobuf-c-compiler libseccomp-dev libcap-dev
	ca-certificates libbz2-dev
)
TEST_PACKAGES=(
	libcmocka-dev clang-format codespell shellcheck python3 python3-prometheus-client curl wrk xz-utils
	debian-archive-keyring
)
# Emulated machines for the tests on other kernels; 80 MB with what they depend on.
VM_PACKAGES=(qemu-system-x86 busybox-static cpio)
# A browser for the test of the status page; 350 MB with what it depends on.
BROWSER_PACKAGES=(chromium)
# What builds and runs images, and reads the Debian package; 170 MB with what they depend on.
DEPLOY_PACKAGES=(buildah podman runc lintian)
# Debian 12's own libbpf has no uprobe.multi (1.3), nor have its kernel headers
# (6.6); and libbpf's backport is built with the elfutils of backports.
BACKPORTED=(linux-libc-dev libbpf-dev bpftool libelf-dev libdw-dev)

SUITE=
TMP=

usage() {
	cat <<-USAGE
		usage: setup.sh [--build | --vm | --deploy] [--dry-run]

		Installs what is missing to build gotide and to run its tests: on Debian 12 and 13,
		and on Ubuntu 24.04 (untested). Upgrades nothing else and leaves apt's sources and
		lists as they are. On Debian 12 libbpf, bpftool, elfutils and the kernel's
		headers come from bookworm-backports.

		--build      only what the build needs
		--vm         only what the tests in virtual machines need besides
		--browser    only what the test of the status page needs besides
		--deploy     only what the tests of image and packages need besides
		--dry-run    only say what is missing (exit 1 if anything is)
	USAGE
}

# Sets SUITE (empty: the release's own packages do) and the release's packages.
know_release() {
	local id version

	id=$(. /etc/os-release && echo "${ID:-}")
	version=$(. /etc/os-release && echo "${VERSION_ID:-}")
	case $id-$version in
	debian-12) SUITE=bookworm-backports; TEST_PACKAGES+=(libclang-rt-14-dev) ;;
	debian-13) TEST_PACKAGES+=(libclang-rt-19-dev) ;;
	ubuntu-24.04) TEST_PACKAGES+=(libclang-rt-18-dev); ubuntu_bpftool ;;
	*) die "knows Debian 12 and 13 and Ubuntu 24.04, not '$id $version': install by hand:" \
		"${BUILD_PACKAGES[*]} ${TEST_PACKAGES[*]}" ;;
	esac
}

# Ubuntu has no package of that name: the tool comes with the kernel's tools.
ubuntu_bpftool() {
	local i

	for i in "${!BUILD_PACKAGES[@]}"; do
		[ "${BUILD_PACKAGES[i]}" != bpftool ] || BUILD_PACKAGES[i]=linux-tools-generic
	done
}

is_backported() {
	[ -n "$SUITE" ] && [[ " ${BACKPORTED[*]} " == *" $1 "* ]]
}

# Prints those of the packages that are not installed, or are too old.
print_missing() {
	local name status version
	local -A installed=()

	while read -r name status version; do
		[ "$status" != installed ] || installed[$name]=$version
	done < <(dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\n' "$@" 2>/dev/null)
	for name in "$@"; do
		if [ -z "${installed[$name]:-}" ]; then
			echo "$name"
		elif is_backported "$name" && [[ ${installed[$name]} != *~bpo12* ]]; then
			echo "$name"
		fi
	done
}

# Installed packages built from elfutils: each depends on its exact version, so
# that all must move to backports together.
elfutils_installed() {
	dpkg-query -W -f '${db:Status-Status} ${source:Package} ${Package}\n' |
		awk '$1 == "installed" && $2 == "elfutils" { print $3 }'
}

# with_elfutils PACKAGE...: adds what has to move along.
with_elfutils() {
	local name

	printf '%s\n' "$@"
	for name in "$@"; do
		! is_backported "$name" || { elfutils_installed; return; }
	done
}

is_subscribed() {
	# shellcheck disable=SC2016 # $(NAME) is apt's own format syntax
	apt-get indextargets --format '$(RELEASE)' | grep -qx "$1"
}

# The machine's own sources and pins, and backports beside them for those
# packages, in a folder of our own.
write_sources() {
	local mirror

	mkdir -p "$TMP/sources" "$TMP/preferences" "$TMP/lists/partial" "$TMP/cache/archives/partial"
	cp -L /etc/apt/preferences.d/* "$TMP/preferences/" 2>/dev/null || true
	cp -L /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources "$TMP/sources/" \
		2>/dev/null || true
	[ -n "$SUITE" ] || return 0
	cat >"$TMP/preferences/00gotide" <<-PIN
		Package: src:elfutils src:libbpf bpftool linux-libc-dev
		Pin: release n=$SUITE
		Pin-Priority: 900
	PIN
	! is_subscribed "$SUITE" || return 0
	mirror=$(debian_mirror) || die "found no Debian mirror in apt's sources: set GOTIDE_DEBIAN_MIRROR"
	echo "deb [signed-by=$DEBIAN_KEYRING] $mirror $SUITE main" >"$TMP/sources/gotide-backports.list"
}

apt_own() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o Dir::Etc::sourceparts="$TMP/sources" \
		-o Dir::Etc::preferencesparts="$TMP/preferences" \
		-o Dir::State::lists="$TMP/lists" -o Dir::Cache="$TMP/cache" \
		-o Acquire::Languages=none "$@" </dev/null
}

install_missing() {
	local packages=()

	TMP=$(mktemp -d /tmp/gotide-setup.XXXXXX)
	trap 'rm -rf "$TMP"' EXIT
	trap 'exit 130' INT TERM HUP
	# apt drops to its own user for downloads
	chmod 755 "$TMP"
	write_sources
	mapfile -t packages < <(with_elfutils "$@")
	apt_own update || die "cannot read the package lists"
	apt_own install -y --no-install-recommends --no-remove "${packages[@]}" ||
		die "apt could not install: ${packages[*]}"
}

main() {
	local dry_run=0 wanted=() missing=() which=all

	while [ $# -gt 0 ]; do
		case $1 in
		--build) which=build ;;
		--vm) which=vm ;;
		--browser) which=browser ;;
		--deploy) which=deploy ;;
		--dry-run) dry_run=1 ;;
		-h | --help) usage; exit 0 ;;
		*) usage >&2; exit 2 ;;
		esac
		shift
	done
	know_release
	case $which in
	build) wanted=("${BUILD_PACKAGES[@]}") ;;
	vm) wanted=("${VM_PACKAGES[@]}") ;;
	browser) wanted=("${BROWSER_PACKAGES[@]}") ;;
	deploy) wanted=("${DEPLOY_PACKAGES[@]}") ;;
	all) wanted=("${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}") ;;
	esac
	mapfile -t missing < <(print_missing "${wanted[@]}")
	[ ${#missing[@]} -gt 0 ] || exit 0
	echo "setup.sh: missing: ${missing[*]}"
	[ "$dry_run" -eq 0 ] || exit 1
	[ "$(id -u)" -eq 0 ] || die "must be root to install them"
	install_missing "${missing[@]}"
}

main "$@"
