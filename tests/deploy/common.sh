# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What tests of deploy/ share: a folder of their own, and checks that go on after a failure, so that
# one run shows them all.  The test ends with "$status".

# shellcheck disable=SC2034 # for who sources this
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0

fault() {
	echo "FAILED: $*"
	status=1
}
