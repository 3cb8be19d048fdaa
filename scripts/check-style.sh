#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Checks what a machine can check of the style: prints file:line of each fault
# and exits 1 if there is one. See --help.

set -euo pipefail

# The version that decides: releases of clang-format differ in details.
FORMAT_VERSION=14
MAX_FUNCTION=120
MAX_FILE=800
GENERATED='^(user/gobin/offsets_table\.c|vmlinux/.*)$'
BANNED='strcpy|strcat|stpcpy|sprintf|vsprintf|gets|system|popen|alloca|atoi|atol|strtok'
# Names that are no misspellings.
WORDS=midle,advices
MARKS='TO''DO|FIX''ME|XX''X'

FAULTS=0

usage() {
	cat <<-USAGE
		usage: check-style.sh

		Format (clang-format $FORMAT_VERSION), licence lines, banned calls, length of functions
		(<= $MAX_FUNCTION lines) and files (<= $MAX_FILE), forgotten marks, spelling, shell
		scripts, modes, gofmt (where fetch-go.sh has been). Generated files are left out.
	USAGE
}

# fault WHAT: reads file:line reports.
fault() {
	local line

	while IFS= read -r line; do
		[ -n "$line" ] || continue
		printf '%s (%s)\n' "$line" "$1"
		FAULTS=$((FAULTS + 1))
	done
}

# Without git (an unpacked archive): everything but what was built.
all_files() {
	git ls-files -co --exclude-standard 2>/dev/null ||
		find . -name '.?*' -prune -o -type f -print | sed 's,^\./,,'
}

# files REGEX: tracked and new files, no links, nothing generated.
files() {
	local name

	all_files | grep -E "$1" | grep -vE "$GENERATED" |
		while IFS= read -r name; do
			[ ! -f "$name" ] || [ -L "$name" ] || printf '%s\n' "$name"
		done
}

have() {
	command -v "$1" >/dev/null || { echo "check-style.sh: $1 is missing: run scripts/setup.sh" >&2; exit 1; }
}

check_format() {
	local tool=clang-format

	! command -v "clang-format-$FORMAT_VERSION" >/dev/null || tool=clang-format-$FORMAT_VERSION
	have "$tool"
	if ! "$tool" --version | grep -q "version $FORMAT_VERSION\."; then
		echo "check-style.sh: format not checked: needs clang-format $FORMAT_VERSION" >&2
		return 0
	fi
	fault format < <(printf '%s\0' "${C_FILES[@]}" |
		xargs -0 -r -n 40 -P 2 "$tool" --dry-run -Werror 2>&1 | grep -E '^[^ ]+:[0-9]+:[0-9]+: ' |
		cut -d: -f1,2 | sort -u -t: -k1,1 -k2,2n)
}

check_licence() {
	fault 'licence line' < <(awk 'FNR <= 2 && /SPDX-License-Identifier: / { ok[FILENAME] = 1 }
		FNR > 2 { nextfile }
		END { for (i = 1; i < ARGC; i++) if (!(ARGV[i] in ok)) print ARGV[i] ":1" }' "${SOURCES[@]}")
}

check_banned() {
	fault 'banned call' < <(awk -v call="(^|[^[:alnum:]_.>\"])($BANNED)[[:space:]]*[(]" '
		{ gsub(/\/\*([^*]|\*[^\/])*\*\//, "") }
		!/^[[:space:]]*(\/?\*|\/\/)/ && $0 ~ call { print FILENAME ":" FNR }' "${C_FILES[@]}")
}

check_marks() {
	fault 'forgotten mark' < <(grep -nHIwE "$MARKS" "${TEXTS[@]}" | cut -d: -f1,2)
}

check_length() {
	fault "more than $MAX_FILE lines" < <(awk -v max=$MAX_FILE 'FNR == max + 1 { print FILENAME ":" FNR }' \
		"${C_FILES[@]}" "${SCRIPTS[@]}")
	fault "function of more than $MAX_FUNCTION lines" < <(awk -v max=$MAX_FUNCTION '
		/^{/ { start = FNR }
		/^}/ && start { if (FNR - start - 1 > max) print FILENAME ":" start; start = 0 }
		FNR == 1 { start = 0 }' "${C_FILES[@]}")
}

check_spelling() {
	have codespell
	fault spelling < <(codespell -q 2 -L "$WORDS" "${TEXTS[@]}" 2>&1 || true)
}

check_shell() {
	have shellcheck
	fault shellcheck < <(shellcheck -x -P SCRIPTDIR -f gcc "${SCRIPTS[@]}" 2>&1 || true)
}

# What starts with "#!" is meant to be run.
check_modes() {
	fault 'not executable' < <(for f in "${SOURCES[@]}"; do
		[ -x "$f" ] || awk 'FNR == 1 && /^#!/ { print FILENAME ":1" } { exit }' "$f"
	done)
}

# gofmt comes with the toolchains of fetch-go.sh; without them Go's format waits.
check_go() {
	local gofmt

	gofmt=$(scripts/fetch-go.sh --list | tail -n 1 | cut -d' ' -f3)/bin/gofmt
	[ -x "$gofmt" ] || return 0
	fault gofmt < <("$gofmt" -l tests/goprog 2>&1 | sed 's/$/:1/')
}

case ${1:-} in
"") ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mapfile -t C_FILES < <(files '\.[ch]$')
mapfile -t SCRIPTS < <(files '\.sh$')
mapfile -t SOURCES < <(files '(\.(c|h|sh|go|py)|(^|/)Makefile)$')
mapfile -t TEXTS < <(files '(\.(c|h|sh|go|py|md|scd|ya?ml|json|txt)|(^|/)(Makefile|Dockerfile))$')
check_format
check_licence
check_banned
check_marks
check_length
check_spelling
check_shell
check_modes
check_go
[ "$FAULTS" -eq 0 ] || { echo "check-style.sh: $FAULTS faults"; exit 1; }
