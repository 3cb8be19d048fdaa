#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The Kubernetes objects, as kustomize renders them, alone and with every overlay and component: no
# field is unknown or of a wrong type, no name leads nowhere, and the privileges are those that
# docs/kubernetes.md explains.  The check itself is tried on seeded errors.

set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${GOTIDE_CACHE:-$HOME/.cache/gotide}
tools=$(scripts/fetch-daemons.sh tools) || { status=$?; echo "$tools"; exit "$status"; }
kustomize=$cache/daemons/kustomize
modules=$cache/kubernetes-models
. tests/deploy/common.sh

# The schemas; a folder without the mark was not filled to its end.
fetch_schemas() {
	local mark=$modules/.complete

	! cmp -s tests/deploy/package.json "$mark" || return 0
	command -v npm >/dev/null || { echo "needs node and npm"; exit 77; }
	mkdir -p "$modules"
	cp tests/deploy/package.json "$modules/"
	npm install --prefix "$modules" --no-audit --no-fund --no-package-lock --silent ||
		{ echo "npm cannot reach its registry"; exit 77; }
	cp tests/deploy/package.json "$mark"
}

judge() {
	node tests/deploy/manifests.mjs "$modules"
}

# render NAME FOLDER [COMPONENT...]: into $tmp/NAME.yaml.
render() {
	local name=$1 component
	shift

	mkdir "$tmp/$name"
	{
		printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n'
		printf 'resources:\n  - ../kubernetes/%s\n' "$1"
		shift
		[ $# -eq 0 ] || echo "components:"
		for component in "$@"; do printf '  - ../kubernetes/components/%s\n' "$component"; done
	} >"$tmp/$name/kustomization.yaml"
	"$kustomize" build "$tmp/$name" >"$tmp/$name.yaml"
	judge <"$tmp/$name.yaml" || fault "$name"
}

# expect NAME REGEX: in what was rendered.
expect() {
	grep -qE -- "$2" "$tmp/$1.yaml" || fault "$1 has no $2"
}

refuse() {
	! grep -nE -- "$2" "$tmp/$1.yaml" || fault "$1 has $2"
}

# capabilities NAME: those that the container has.
capabilities() {
	awk '$1 == "add:" { on = 1; next } on && $1 != "-" { exit } on { print $2 }' "$tmp/$1.yaml" | xargs
}

# Each is an error that somebody could make; the object must be refused, and for this.
seeded() {
	local from=$1 edit=$2 wanted=$3 said

	sed -E "$edit" "$tmp/$from.yaml" >"$tmp/seeded.yaml"
	! cmp -s "$tmp/$from.yaml" "$tmp/seeded.yaml" || fault "$edit changes nothing"
	if said=$(judge <"$tmp/seeded.yaml"); then
		fault "$edit is not noticed"
	elif ! grep -qF -- "$wanted" <<<"$said"; then
		fault "$edit: $said"
	fi
}

fetch_schemas
cp -r deploy/kubernetes "$tmp/kubernetes"
render base base
render older overlays/older-kernels
render operator base podmonitor alerts
render annotated base annotations networkpolicy
render all overlays/older-kernels podmonitor alerts seccomp networkpolicy

[ "$(capabilities base)" = "BPF PERFMON SYS_PTRACE DAC_READ_SEARCH" ] || fault "$(capabilities base)"
[ "$(capabilities older)" = "BPF PERFMON SYS_PTRACE DAC_READ_SEARCH SYS_ADMIN SYS_RESOURCE" ] ||
	fault "$(capabilities older)"
for name in base older operator annotated all; do
	refuse "$name" 'hostNetwork|hostIPC|privileged: true|readOnly: false|automountServiceAccountToken: true'
	expect "$name" 'readOnlyRootFilesystem: true'
	expect "$name" '^      hostPID: true'
	[ "$(grep -c ' mountPath:' "$tmp/$name.yaml")" = "$(grep -c ' readOnly: true' "$tmp/$name.yaml")" ] ||
		fault "$name: a mount can be written to"
done
expect base 'allowPrivilegeEscalation: false'
expect base 'type: RuntimeDefault'
expect all 'localhostProfile: gotide.json'
# port-forward comes from inside of the pod
expect base '--listen=0\.0\.0\.0:9435'
# scraped once, by whichever finds it
expect annotated 'prometheus.io/scrape: "true"'
expect annotated 'prometheus.io/port: "9435"'
for name in base operator all; do refuse "$name" 'prometheus.io/'; done

seeded base 's/hostPID/hostPid/' '/hostPid: unknown field'
seeded base 's/readOnlyRootFilesystem/readOnlyRootFileSystem/' '/readOnlyRootFileSystem: unknown field'
seeded base 's/drop:/dropped:/' '/dropped: unknown field'
seeded base 's/(containerPort: )(.*)/\1"\2"/' '/containerPort: type {"type":"integer"}'
seeded base 's/runAsUser: 0/runAsUser: root/' '/runAsUser: type'
seeded base 's/^  selector:/  selectors:/' '{"missingProperty":"selector"}'
seeded base 's/hostPID: true/hostPID: "true"/' '/hostPID: type'
seeded base 's/ path: .healthz/ paths: \/healthz/' '/paths: unknown field'
seeded base 's,apps/v1,apps/v1beta1,' 'no schema for apps/v1beta1'
seeded base 's/^        name: cgroup/        name: cgroups/' 'no volume cgroup'
seeded base 's/port: metrics/port: metric/' 'no port metric'
seeded base 's/^      app.kubernetes.io.component: agent/      app.kubernetes.io\/component: agents/' \
	'the selector does not select'
seeded operator 's/honorLabels/honourLabels/' '/honourLabels: unknown field'
seeded operator 's/- port: metrics|port: metrics$/port: web/' 'port'
seeded annotated 's/^  - from:/  - form:/' '/form: unknown field'
seeded annotated 's/^    - port: metrics/    - port: metric/' 'finds no pod with a port metric'
seeded annotated '/^  podSelector:/,/^  [a-oq-z]/s/component: agent/component: agents/' 'finds no pod'
seeded operator 's/^      expr:|^        expr:|^      - expr:/      expression:/;s/alert:/alerts:/' 'unknown field'
exit $status
