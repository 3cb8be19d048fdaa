/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sizes and member offsets of C-like structs from an executable's DWARF, through libdw.  Internal
 * to gobin: offsets.h is its face.  The debug information is a stranger's: how much of it is
 * unpacked and walked is limited, and what lies beyond a limit counts as absent.
 */
#ifndef GOTIDE_GOBIN_DWARF_H
#define GOTIDE_GOBIN_DWARF_H

#include "base/err.h"

struct dwarf_query {
	const char *type; /* qualified struct name: "runtime.g" */
	const char *field; /* path of members: "sched.sp"; "" asks for the size of the struct */
	const char *other; /* what other releases call the field, or NULL */
	uint32_t found; /* answer in bytes; UINT32_MAX if the struct has no such field */
};

/*
 * Answers n queries about types of the compilation unit named unit.  *ret_answered counts those
 * answered.  -ENOENT: no DWARF, or no such unit; -E2BIG: more debug information than the limit.
 */
int dwarf_query(int fd, const char *unit, struct dwarf_query *q, size_t n,
		size_t *ret_answered) _must_check_;

#endif
