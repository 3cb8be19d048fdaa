#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# embed.sh NAME FILE: a script or style sheet as the C string NAME, without lines that are only a
# comment and without indentation; and NAME_SHA256, the hash of just that, as a
# Content-Security-Policy has it.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: embed.sh NAME FILE" >&2; exit 2; }

# C's limits on literals do not bind gcc.  A string is inlined whole, so nothing may end it early.
text=$(sed -e 's/^[[:space:]]*//' -e '/^\/\//d' -e '/^\/\*.*\*\/$/d' -e '/^$/d' "$2")
if grep -qi '</s\|<!--\|]]>' <<<"$text"; then
	echo "embed.sh: $2 holds what would end it" >&2
	exit 1
fi
hash=$(printf '%s\n' "$text" | sha256sum | cut -d' ' -f1 | sed 's/../\\x&/g')
base64=$(printf '%b' "$hash" | base64 -w 0)
printf 'static const char %s[] =\n' "$1"
sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' <<<"$text"
printf ';\n#define %s_SHA256 "%s"\n' "${1^^}" "$base64"
