/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for addresses in memory that may be of Go or of C: the executable's function table for the
 * one, the symbols of the object around it for the other.  A source for view/symbols.h, with
 * addresses as in memory.  A C function has the name of its object for a file, and no line.
 */
#ifndef GOTIDE_SESSION_CNAMES_H
#define GOTIDE_SESSION_CNAMES_H

#include "target/objects.h"
#include "target/target.h"
#include "view/symbols.h"

struct cnames {
	const struct target *target; /* borrowed, as is the next */
	struct objects *objects;
};

/* The source borrows n. */
void cnames_source(struct cnames *n, struct symbols_source *ret);

/* Whether an address is in the code that Go compiled. */
bool cnames_is_go(const struct target *t, uint64_t pc);

/* Whether an address in memory follows a call, going by the file that it is from. */
bool cnames_is_return(struct objects *o, uint64_t pc);

#endif
