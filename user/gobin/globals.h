/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of runtime variables in a stripped executable, from the code that uses them: which
 * globals the functions that own them refer to.  The score of a constellation (how many fields of
 * a struct are referred to at the offsets expected) checks the offsets at the same time.
 */
#ifndef GOTIDE_GOBIN_GLOBALS_H
#define GOTIDE_GOBIN_GLOBALS_H

#include "gobin/elf.h"
#include "gobin/moduledata.h"
#include "gobin/offsets.h"
#include "gobin/pclntab.h"

enum global {
	GLOBAL_ALLGS = 0,
	GLOBAL_SCHED,
	GLOBAL_MHEAP,
	GLOBAL_MEMSTATS,
	GLOBAL_GCCONTROLLER,
	GLOBAL_MBUCKETS,
	GLOBAL_WAITREASONSTRINGS,
	GLOBAL_ALLP,
	GLOBAL_MEMPROFILERATE,
	GLOBAL_MAX,
};

struct globals {
	struct {
		uint64_t va; /* link-time; 0 if not found */
		uint16_t score; /* references that agree */
		uint16_t of; /* references looked for */
		uint16_t second; /* score of the runner-up */
		char why[64]; /* if not found */
	} global[GLOBAL_MAX];
	uint16_t wait_reasons; /* entries of waitReasonStrings; 0 if not known */
	/*
	 * The constellations of sched and memstats are whole, and newproc1 and gopark store to
	 * runtime.g where the offsets say: they describe this executable.
	 */
	bool offsets_hold;
};

const char *global_name(enum global g); /* as the runtime names it */

int globals_find(struct elf *e, struct pclntab *t, const struct moduledata *md,
		 const struct goversion *v, const struct offsets *o,
		 struct globals *ret) _must_check_;

/*
 * Wait reason names by number, from the target's own table (runtime/runtime2.go waitReasonStrings):
 * the numbers differ between versions.  Fills at most max names of GLOBAL_REASON_MAX bytes, returns
 * how many.
 */
#define GLOBAL_REASON_MAX 40
int globals_wait_reasons(struct elf *e, const struct globals *g, char (*names)[GLOBAL_REASON_MAX],
			 size_t max) _must_check_;

#endif
