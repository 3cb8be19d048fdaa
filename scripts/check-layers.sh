#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Rooms are stages: a file may include only its own room and the rooms to its left.
# Prints each include that goes the wrong way and fails if there is one.
set -euo pipefail
cd "$(dirname "$0")/.."

# Rank of each room; rooms of one rank do not see each other.
declare -A rank=([base]=0 [gobin]=1 [target]=2 [probe]=3 [event]=3 [census]=3 [model]=4 [trend]=5
	[view]=6 [session]=7 [cmd]=8 [main]=9)

# room_of PATH-RELATIVE-TO-user/
room_of() {
	case $1 in
	*/*) echo "${1%%/*}" ;;
	*) basename "${1%.*}" ;;
	esac
}

status=0
while IFS=: read -r file line text; do
	included=$(sed -n 's/.*#include "\([^"]*\)".*/\1/p' <<<"$text")
	case $included in
	wire.h | version.h | gotide.skel.h | profile.pb-c.h | flame_script.h | status_parts.h) continue ;;
	esac
	from=$(room_of "${file#user/}") to=$(room_of "$included")
	if [ -z "${rank[$from]:-}" ] || [ -z "${rank[$to]:-}" ]; then
		echo "$file:$line: \"$included\" is in no known room"
		status=1
	elif [ "$from" != "$to" ] && [ "${rank[$to]}" -ge "${rank[$from]}" ]; then
		echo "$file:$line: $from may not include $to (\"$included\")"
		status=1
	fi
done < <(grep -rn '^#include "' user --include='*.[ch]')

# The kernel side sees wire.h and its own headers only; wire.h sees nothing.
if grep -n '^#include' bpf/wire.h; then
	echo "bpf/wire.h: must include nothing"
	status=1
fi
exit $status
