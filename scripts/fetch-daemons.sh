#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Fetches Go programs that others built, as test objects, into the cache. See --help.

set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib/private-apt.sh"

CACHE=$(gotide_cache)/daemons
SKIP=77
TMP=

# NAME SUITE PACKAGE PATH: a program in Debian.
DEBIAN_PROGRAMS=(
	"prometheus bookworm prometheus usr/bin/prometheus"
	"etcd bookworm etcd-server usr/bin/etcd"
)
# Of which no observation is made: what checks metrics, rules, configurations and manifests.
TOOL_PROGRAMS=(
	"promtool bookworm prometheus usr/bin/promtool"
	"kustomize trixie kustomize usr/bin/kustomize"
)
# Others, of which tests/corpus/daemons.py makes a day's tapes.
CORPUS_PROGRAMS=(
	"alertmanager sid prometheus-alertmanager usr/bin/prometheus-alertmanager"
	"blackbox-exporter bookworm prometheus-blackbox-exporter usr/bin/prometheus-blackbox-exporter"
	"caddy sid caddy usr/bin/caddy"
	"docker-registry trixie docker-registry usr/bin/docker-registry"
	"etcd-3.5 trixie etcd-server usr/bin/etcd"
	"influxd sid influxdb usr/bin/influxd"
	"mtail sid mtail usr/bin/mtail"
	"nats-server sid nats-server usr/sbin/nats-server"
	"node-exporter trixie prometheus-node-exporter usr/bin/prometheus-node-exporter"
	"prometheus-3 sid prometheus usr/bin/prometheus"
	"pushgateway bookworm prometheus-pushgateway usr/bin/prometheus-pushgateway"
	"rclone trixie rclone usr/bin/rclone"
	"syncthing trixie syncthing usr/bin/syncthing"
	"victoria-metrics bookworm victoria-metrics usr/bin/victoria-metrics"
	"webhook trixie webhook usr/bin/webhook"
)
# NAME PACKAGE: programs in bin/ of packages published for npm. Built with Go 1.17, 1.18, 1.19, 1.20,
# 1.20, 1.23 and 1.26; the last has no build information section.
npm_programs() {
	local arch=$1 old=$1

	[ "$arch" != x64 ] || old=64
	cat <<-LIST
		esbuild-0.14.0 esbuild-linux-$old@0.14.0
		turbo-1.6.3 turbo-linux-$old@1.6.3
		esbuild-0.17.0 @esbuild/linux-$arch@0.17.0
		esbuild-0.18.0 @esbuild/linux-$arch@0.18.0
		esbuild-0.21.5 @esbuild/linux-$arch@0.21.5
		esbuild-0.24.0 @esbuild/linux-$arch@0.24.0
		esbuild-0.28.2 @esbuild/linux-$arch@0.28.2
	LIST
}

usage() {
	cat <<-USAGE
		usage: fetch-daemons.sh [debian] [npm] [corpus] [tools]   fetch what is missing
		                                                          (default: debian and npm)
		       fetch-daemons.sh --list                            what is there: NAME PATH

		Debian's prometheus and etcd through a private apt, and esbuild in several versions
		and turbo through npm as this machine has configured it; corpus: some more of
		Debian's, for tests/corpus/daemons.py; tools: promtool and kustomize.
		Exit 77 with a reason on the last line where a source cannot be reached; what can
		be fetched is fetched all the same.

		GOTIDE_CACHE    cache folder (default ~/.cache/gotide)
	USAGE
}

# keep NAME FILE: into the cache, whole or not at all.
keep() {
	install -D -m 755 "$2" "$TMP/keep/$1"
	mv "$TMP/keep/$1" "$CACHE/$1"
}

# fetch_debian ENTRY...: of the lists above.
fetch_debian() {
	local entry name suite package path missing=() suites=()

	for entry in "$@"; do
		read -r name suite package path <<<"$entry"
		[ -x "$CACHE/$name" ] || { missing+=("$entry"); suites+=("$suite"); }
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	mapfile -t suites < <(printf '%s\n' "${suites[@]}" | sort -u)
	# a subshell, because the private apt ends its shell where it fails
	(private_apt_open "$TMP/apt" "${suites[@]}") || return 1
	for entry in "${missing[@]}"; do
		read -r name suite package path <<<"$entry"
		private_apt_unpack "$TMP/apt" "$TMP/root" "$package/$suite" || return 1
		keep "$name" "$TMP/root/$path"
	done
}

npm_arch() {
	case $(uname -m) in
	x86_64) echo x64 ;;
	aarch64) echo arm64 ;;
	*) return 1 ;;
	esac
}

fetch_npm() {
	local arch name package

	arch=$(npm_arch) || return 1
	while read -r name package; do
		[ ! -x "$CACHE/$name" ] || continue
		command -v npm >/dev/null || return 1
		mkdir -p "$TMP/$name"
		(cd "$TMP/$name" && npm pack --silent --loglevel=error "$package" >/dev/null &&
			tar -xzf ./*.tgz --strip-components=1) </dev/null || return 1
		keep "$name" "$TMP/$name/bin/${name%%-*}"
	done < <(npm_programs "$arch")
}

fetch() {
	local source reasons=()

	mkdir -p "$CACHE"
	exec 9>"$CACHE/.lock"
	flock 9
	rm -rf "$CACHE"/.tmp.*
	TMP=$(mktemp -d "$CACHE/.tmp.XXXXXX")
	trap 'rm -rf "$TMP"' EXIT
	trap 'exit 130' INT TERM HUP
	for source in "$@"; do
		case $source in
		debian) fetch_debian "${DEBIAN_PROGRAMS[@]}" || reasons+=("Debian's packages cannot be read") ;;
		corpus) fetch_debian "${CORPUS_PROGRAMS[@]}" || reasons+=("Debian's packages cannot be read") ;;
		tools) fetch_debian "${TOOL_PROGRAMS[@]}" || reasons+=("Debian's packages cannot be read") ;;
		npm) fetch_npm || reasons+=("npm is missing or cannot reach its registry") ;;
		esac
	done
	[ ${#reasons[@]} -gt 0 ] || return 0
	echo "fetch-daemons.sh: $(IFS=';' && echo "${reasons[*]}")"
	exit $SKIP
}

list() {
	local path

	for path in "$CACHE"/*; do
		[ ! -x "$path" ] || echo "${path##*/} $path"
	done
}

case ${1:-} in
"") fetch debian npm ;;
debian | npm | corpus | tools) fetch "$@" ;;
--list) list ;;
-h | --help) usage ;;
*) usage >&2; exit 2 ;;
esac
